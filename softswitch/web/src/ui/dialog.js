// Dialogs (the browser's own: focus stays inside, Escape closes) and questions before something that cannot be undone.
import { html, useEffect, useRef, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { Button } from './basic.js';

export function Dialog({ title, onClose, children, actions, wide }) {
  const element = useRef();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${element} class=${`dialog ${wide ? 'wide' : ''}`} onCancel=${(event) => { event.preventDefault(); onClose(); }}
    onClick=${(event) => event.target === element.current && onClose()}>
    <div class="dialog-body"><header><h2>${title}</h2><${Button} kind="quiet" icon="close" label=${t('ui.close')} onClick=${onClose} /></header>
    ${children}${actions && html`<footer>${actions}</footer>`}</div></dialog>`;
}

const asking = { question: null, listener: null };

/** Ask before something is done; resolves to true or false. */
export function confirm(text, { title = t('ui.sure'), yes = t('ui.yes'), danger = true } = {}) {
  return new Promise((answer) => {
    asking.question = { text, title, yes, danger, answer };
    asking.listener?.(asking.question);
  });
}

/** Where questions are shown; the shell has one. */
export function Questions() {
  const [question, set] = useState(null);
  useEffect(() => {
    asking.listener = set;
    return () => { asking.listener = null; };
  }, []);
  if (!question) return null;
  const answer = (value) => () => { set(null); question.answer(value); };
  return html`<${Dialog} title=${question.title} onClose=${answer(false)} actions=${html`
    <${Button} onClick=${answer(false)}>${t('ui.no')}<//><${Button} kind=${question.danger ? 'danger' : 'primary'} onClick=${answer(true)}>${question.yes}<//>`}>
    <p>${question.text}</p><//>`;
}
