// Prompts and music: what they say, to be heard, replaced and taken away.
import { api, path } from '../core/api.js';
import { html, useEffect, useMemo, useState } from '../core/html.js';
import { locale, t } from '../core/i18n.js';
import { attempt, Badge, Button, Card, confirm, Dialog, Field, Skeleton, Table } from '../ui/index.js';
import { Studio } from './studio.js';

const MOST = 60; // rows shown: who looks for one types a part of it

export default function Prompts({ who }) {
  const [rows, set] = useState(null);
  const [part, seek] = useState('');
  const [language, speak] = useState(locale());
  const [heard, hear] = useState(null);
  const [adding, add] = useState(null);
  const [studio, enter] = useState(null);
  const load = () => attempt(async () => set(await api.get('/api/prompts')));
  useEffect(() => { load(); }, []);
  const edits = who.role === 'administrator';
  const found = useMemo(() => (rows || []).filter((one) => (!language || one.language === language) && (!part || `${one.name} ${one.text}`.toLowerCase().includes(part.toLowerCase()))), [rows, part, language]);
  const languages = [...new Set((rows || []).map((one) => one.language))];
  const remove = async (row) => {
    if (!await confirm(t('admin.prompt.sure', { name: row.name }))) return;
    if (await attempt(() => api.delete(path('/api/prompts/{language}/{name}', row)), t('admin.removed'))) load();
  };
  return html`<div class="page"><div class="page-head"><h1>${t('admin.prompts')}</h1>
      ${edits && html`<${Button} kind="primary" icon="upload" onClick=${() => add({ name: '', language: language === 'moh' ? 'moh' : language || locale() })}>${t('admin.prompt.add')}<//>`}</div>
    <${Card}><div class="admin-fields"><${Field} label=${t('admin.search')} value=${part} onChange=${seek} kind="search" />
      <${Field} kind="select" label=${t('admin.language')} value=${language} onChange=${speak} options=${[{ value: '', title: t('admin.all') }, ...languages.map((one) => ({ value: one, title: one === 'moh' ? t('admin.music') : one }))]} /></div>
      ${!rows ? html`<${Skeleton} />` : html`<${Table} rows=${found.slice(0, MOST)} keyOf=${(row) => `${row.language}/${row.name}`} empty=${t('admin.none_yet')} columns=${[
        { key: 'play', title: t('admin.listen'), cell: (row) => (heard === row
          ? html`<audio controls autoplay src=${path('/api/sounds/{language}/{name}', row)} class="admin-audio" />`
          : html`<${Button} kind="quiet" small icon="play" label=${t('admin.prompt.play', { name: row.name })} onClick=${() => hear(row)} />`) },
        { key: 'name', title: t('admin.name'), sort: (row) => row.name, cell: (row) => html`<strong>${row.name}</strong>` },
        { key: 'text', title: t('admin.says'), hide: 'narrow' },
        { key: 'source', title: t('admin.prompt.whose'), cell: (row) => html`<${Badge} state=${row.source === 'shipped' ? 'off' : 'good'}>${t(`admin.source.${row.source}`)}<//>` },
        ...(edits ? [{ key: 'do', title: t('admin.do'), align: 'end', cell: (row) => html`<div class="row admin-ends"><${Button} kind="quiet" small icon="mic" label=${t('admin.studio', { name: row.name })} onClick=${() => enter(row)} />
          <${Button} kind="quiet" small icon="upload" label=${t('admin.prompt.replace', { name: row.name })} onClick=${() => add(row)} />
          ${row.source === 'added' && html`<${Button} kind="quiet" small icon="trash" label=${t('admin.remove.one', { name: row.name })} onClick=${() => remove(row)} />`}</div>` }] : []),
      ]} />${found.length > MOST && html`<p class="soft">${t('admin.prompt.rest', { count: found.length - MOST })}</p>`}`}<//>
    ${studio && html`<${Studio} row=${studio} who=${who} onClose=${() => enter(null)} onDone=${() => { hear(null); load(); }} />`}
    ${adding && html`<${Add} row=${adding} onClose=${() => add(null)} onDone=${() => { add(null); hear(null); load(); }} />`}</div>`;
}

function Add({ row, onClose, onDone }) {
  const [name, rename] = useState(row.name);
  const [language, speak] = useState(row.language);
  const [file, take] = useState(null);
  const [told, tell] = useState('');
  const send = async () => {
    tell('');
    try {
      const made = await api.put(path('/api/prompts/{language}/{name}', { language, name }), file);
      await attempt(async () => {}, [t('admin.prompt.done', { name }), ...made.warnings].join(' · '));
      onDone();
    } catch (error) {
      tell(`${error.message} ${error.hint || ''}`);
    }
  };
  return html`<${Dialog} title=${t('admin.prompt.add')} onClose=${onClose} actions=${html`<${Button} onClick=${onClose}>${t('admin.cancel')}<//>
      <${Button} kind="primary" icon="upload" disabled=${!file || !name} onClick=${send}>${t('admin.prompt.send')}<//>`}>
    <div class="column"><${Field} label=${t('admin.name')} value=${name} onChange=${rename} hint=${t('admin.prompt.name')} />
    <${Field} label=${t('admin.language')} value=${language} onChange=${speak} hint=${t('admin.prompt.language')} />
    <div class="field"><label for="prompt-file">${t('admin.prompt.file')}</label><input id="prompt-file" type="file" accept=".wav,audio/wav" onChange=${(event) => take(event.currentTarget.files[0])} /></div>
    ${told && html`<p class="admin-wrong" role="alert">${told}</p>`}</div><//>`;
}
