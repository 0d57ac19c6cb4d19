// What a click or a key would reach on a page, called with how to ask. Same-origin frames are looked into; of others only the address is known.
how => {
  const hosts = [location.href], state = globalThis.deftlyState ??= {remembered: []};
  const dive = (doc, pick, dx, dy) => {
    let element = pick(doc, dx, dy);
    while (element?.shadowRoot) {
      const inner = pick(element.shadowRoot, dx, dy);
      if (!inner || inner === element) break;
      element = inner;
    }
    if (element && (element.tagName === 'IFRAME' || element.tagName === 'FRAME')) {
      hosts.push(element.contentDocument?.location?.href || element.src || '');
      const box = element.getBoundingClientRect();
      if (!element.contentDocument) return {opaque: true, element, dx, dy};
      return dive(element.contentDocument, pick, dx - box.left - element.clientLeft, dy - box.top - element.clientTop);
    }
    return {element, dx, dy};
  };
  const boxOf = element => {
    let {left, top, right, bottom} = element.getBoundingClientRect();
    for (let view = element.ownerDocument.defaultView; view && view !== globalThis && view.frameElement; view = view.parent) {
      const frame = view.frameElement, box = frame.getBoundingClientRect();
      left += box.left + frame.clientLeft; right += box.left + frame.clientLeft;
      top += box.top + frame.clientTop; bottom += box.top + frame.clientTop;
    }
    return [left, top, right, bottom];
  };
  const all = (root, selector, found = []) => {
    found.push(...root.querySelectorAll(selector));
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) all(element.shadowRoot, selector, found);
      if (element.tagName === 'IFRAME' && element.contentDocument) all(element.contentDocument, selector, found);
    }
    return found;
  };
  const secret = ['input[type=password]', 'input[autocomplete*=password]', 'input[autocomplete^=cc-]', 'input[autocomplete=one-time-code]'];
  if (how.boxes === 'password') return {boxes: all(document, secret.join()).map(boxOf)};
  if (how.boxes === 'secret') return {boxes: state.remembered.map(ref => ref.deref()).filter(e => e?.isConnected).map(boxOf)};
  const focused = how.point === undefined;
  const pick = focused ? doc => doc.activeElement : (doc, x, y) => doc.elementFromPoint(x, y);
  const {element, opaque} = dive(document, pick, how.point?.[0], how.point?.[1]);
  if (!element) return {hosts, scroll: [scrollX, scrollY]};
  if (how.remember && !state.remembered.some(ref => ref.deref() === element)) state.remembered.push(new WeakRef(element));
  const acting = 'a[href],button,input,select,textarea,summary,label,option,[role],[onclick],[tabindex]';
  const actor = element.closest(acting) || element;
  const isActor = actor !== element || element.matches(acting);
  const link = element.closest('a[href]');
  if (link) hosts.push(link.href);
  const form = actor.form || element.form || actor.control?.form;
  const submits = focused ? form?.querySelector('button:not([type=button]):not([type=reset]),input[type=submit],input[type=image]')
    : ['submit', 'image'].includes(actor.type) ? actor : null;
  if (submits && form) hosts.push(submits.hasAttribute('formaction') ? submits.formAction : form.action);
  const words = e => e && e !== e.ownerDocument.body && e !== e.ownerDocument.documentElement ? [
    e.innerText?.length <= (e === element && !isActor ? how.longest / 5 : how.longest) ? e.innerText : '', e.ariaLabel, e.title, e.alt, e.placeholder, e.name, e.id,
    ['submit', 'button', 'reset', 'image'].includes(e.type) ? e.value : '',
    ...[...(e.labels || [])].map(label => label.innerText),
    ...[...(e.querySelectorAll?.('img[alt],[aria-label],title') || [])].slice(0, 5).map(i => i.alt || i.ariaLabel || i.textContent),
    ...(e.getAttribute?.('aria-labelledby') || '').split(/\s+/).filter(Boolean).map(id => e.ownerDocument.getElementById(id)?.innerText),
    ...['::before', '::after'].map(part => globalThis.getComputedStyle(e, part).content).filter(text => text && text !== 'none'),
  ] : [];
  const control = actor.control || actor;
  const hint = (control.autocomplete || '').toLowerCase();
  return {
    hosts, opaque: !!opaque, scroll: [scrollX, scrollY],
    text: [...words(actor), ...(submits === actor ? [] : words(submits))].filter(Boolean).join(' \n '),
    password: control.type === 'password' || hint.includes('password') || hint.startsWith('cc-') || hint === 'one-time-code',
    box: element === element.ownerDocument.body ? null : boxOf(element),
  };
}
