// The form that makes a person with telephone, login and queues.
export { Person as default } from './people.js';
