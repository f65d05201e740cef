// What surfer.py uses in a page: what a person would mean by a role and a name, and whether they can read it.
(() => {
  if (window.surfer) return;
  const ROLES = {
    button: 'button,[role=button]', link: 'a[href]', tab: '[role=tab]', field: 'input,select,textarea', dialog: 'dialog[open]',
    option: 'option,[role=option]', row: 'tr', heading: 'h1,h2,h3', any: 'body *',
  };
  const seen = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== 'hidden';
  };
  const label = (element) => (element.labels?.length ? element.labels[0].textContent : '')
    || element.getAttribute('aria-label') || element.textContent || element.getAttribute('placeholder') || '';
  const find = (role, name) => {
    const selector = ROLES[role] || role;
    const wanted = name == null ? null : name.trim();
    const found = [...document.querySelectorAll(selector)].filter(seen);
    const open = document.querySelector('dialog[open]');
    const within = open && role !== 'dialog' ? found.filter((one) => open.contains(one)) : found;
    const pick = (list) => wanted == null ? list[0]
      : list.find((one) => label(one).trim() === wanted) || list.find((one) => label(one).includes(wanted));
    return pick(within) || pick(found) || null;
  };
  // Texts whose contrast is below WCAG AA: 4.5, large ones 3. On pictures and gradients nothing is judged.
  const faint = () => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (text) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
    };
    const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
    const light = (colour) => {
      const [r, g, b] = colour.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
      const layers = [];
      for (let one = element; one; one = one.parentElement) {
        const style = getComputedStyle(one);
        if (style.backgroundImage !== 'none') return null;
        const colour = rgba(style.backgroundColor);
        if (colour[3] > 0) layers.push(colour);
        if (colour[3] === 1) break;
      }
      return layers.reverse().reduce((under, top) => over(top, under), [1, 1, 1]);
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const text = walker.currentNode.data.trim();
      if (!text || !seen(element) || element.closest('[disabled],.visually-hidden,.skip,[aria-disabled=true]')) continue;
      const style = getComputedStyle(element);
      const under = ground(element);
      if (!under) continue;
      const a = light(over(rgba(style.color), under)), b = light(under);
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5)) found.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
    return found;
  };
  window.surfer = { find, label, seen, faint };
  addEventListener('securitypolicyviolation', (e) =>
    tell(JSON.stringify({ event: 'policy', reason: `${e.violatedDirective} ${e.blockedURI}` })));
  addEventListener('unhandledrejection', (e) => tell(JSON.stringify({ event: 'rejection', reason: String(e.reason) })));
})()
