// Logging in with name and password.
import { html, useEffect, useRef, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { logIn } from '../core/session.js';
import { Button, Field, Icon } from '../ui/index.js';
import { Preferences } from './app.js';

export function Login({ ended }) {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState(ended ? t('shell.ended') : '');
  const [busy, setBusy] = useState(false);
  const form = useRef();
  useEffect(() => form.current.querySelector('input').focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await logIn(user.trim(), password);
    } catch (refused) {
      setBusy(false);
      setPassword('');
      setError(told(refused));
    }
  };
  return html`<div class="login"><div class="login-card">
    <div class="login-brand"><span class="brand-mark"><${Icon} name="headset" size=${28} /></span><h1>softswitch</h1><p>${t('shell.welcome')}</p></div>
    <form ref=${form} onSubmit=${submit} method="post">
      <${Field} label=${t('shell.user')} value=${user} onChange=${setUser} name="user" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64" />
      <${Field} label=${t('shell.password')} value=${password} onChange=${setPassword} kind="password" name="password" autocomplete="current-password" required maxlength="256" />
      ${error && html`<p class="login-error" role="alert"><${Icon} name="alert" size=${16} />${error}</p>`}
      <${Button} kind="primary" type="submit" busy=${busy}>${t('shell.login')}<//>
    </form>
    <${Preferences} />
  </div></div>`;
}

function told(error) {
  if (error.status === 429) return t('shell.slow', { seconds: error.retryAfter || 2 });
  if (error.status === 401 || error.status === 422) return t('shell.wrong');
  return error.message === 'offline' ? t('ui.offline') : error.message;
}
