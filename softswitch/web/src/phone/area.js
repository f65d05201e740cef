// The browser's phone has no page of its own: it belongs to whoever talks by it.
import { area } from '../core/registry.js';
import en from './en.json';
import pl from './pl.json';

area({ name: 'phone', texts: { pl, en } });
