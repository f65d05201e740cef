// What components need beside html.
export * from '../core/html.js';
export { useId } from 'preact/hooks';
