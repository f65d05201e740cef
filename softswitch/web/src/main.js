// The pages: the shell, and whatever areas there are.
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import './style/shell.css';
import './ui/texts.js';
import './shell/texts.js';
import '../areas.generated.js';
import { html, render } from './core/html.js';
import { openSession } from './core/session.js';
import { App } from './shell/app.js';

render(html`<${App} />`, document.getElementById('app'));
openSession();
