import { addTexts } from '../core/i18n.js';
import en from './en.json';
import pl from './pl.json';

addTexts('ui', { pl, en });
