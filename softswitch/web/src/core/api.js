// Requests to the switch. What it refuses becomes an ApiError with its reason and hint, to be shown as they are.

let csrf = '';
let ended = () => {};

export const setCsrf = (value) => { csrf = value; };
export const onSessionEnded = (listener) => { ended = listener; };

export class ApiError extends Error {
  constructor(status, body) {
    super(body.error || `HTTP ${status}`);
    this.status = status;
    this.hint = body.hint || '';
    this.problems = body.problems || [];
    this.retryAfter = body.retryAfter || 0;
    this.body = body;
  }
}

async function request(method, path, body, { signal, keepSession = false } = {}) {
  const headers = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
  const options = { method, headers, signal, credentials: 'same-origin', cache: 'no-store' };
  if (body instanceof Blob) options.body = body;
  else if (body !== undefined) {
    headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, { error: 'offline' });
  }
  const isJson = (response.headers.get('content-type') || '').includes('json');
  const answer = response.status === 204 ? null : isJson ? await response.json() : await response.text();
  if (response.ok) return answer;
  if (response.status === 401 && !keepSession) ended();
  const told = isJson && answer ? answer : {};
  throw new ApiError(response.status, { ...told, retryAfter: Number(response.headers.get('retry-after')) || 0 });
}

/** "/api/queues/{queue}" with its names filled in, and a query of what is not empty. */
export function path(template, names = {}, query = {}) {
  const filled = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(names[name]));
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '' && value != null));
  return search.size ? `${filled}?${search}` : filled;
}

export const api = {
  get: (where, options) => request('GET', where, undefined, options),
  post: (where, body, options) => request('POST', where, body, options),
  put: (where, body, options) => request('PUT', where, body, options),
  patch: (where, body, options) => request('PATCH', where, body, options),
  delete: (where, options) => request('DELETE', where, undefined, options),
};
