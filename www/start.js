// What the page says when main.js cannot start, which nothing in main.js could say. No module: browsers take those
// neither from a disk nor from a server that sends them as another type.

{
  // A link to another view, or a site that begins with another: the one that stands in the page is not to be seen before it.
  const views = document.querySelector('meta[name="views"]')?.getAttribute('content')?.split(' ') ?? [];
  const asked = /[#&]view=(\w+)/.exec(location.hash)?.[1];
  const view = (asked && (views.length === 0 || views.includes(asked)) ? asked : views[0]) ?? 'generate';
  if (!['generate', 'x0', 'xt'].includes(view)) document.documentElement.dataset.opens = view;

  /** @param {string} sentence */
  const tell = (sentence) => {
    const status = document.querySelector('[data-testid="status"]');
    const progress = document.querySelector('[data-testid="progress"]');
    // Once main.js runs, it says itself what is wrong.
    delete document.documentElement.dataset.opens;
    if (!(status instanceof HTMLElement) || !(progress instanceof HTMLElement) || status.textContent !== 'Starting…') return;
    status.dataset.state = 'error';
    status.textContent = sentence;
    progress.hidden = true;
    document.body.dataset.state = 'error';
  };

  /** Why a script was not run. @param {string} src @returns {Promise<string>} */
  const reasonOf = async (src) => {
    if (location.protocol === 'file:') {
      return 'This page was opened from a disk, where browsers do not run its scripts. It needs a web server: run scripts/demo, or serve its folder in another way, and open the address of that.';
    }
    try {
      const response = await fetch(src, { method: 'HEAD' });
      const [type] = (response.headers.get('content-type') ?? '').split(';');
      if (response.ok && !/^(text|application)\/(javascript|ecmascript)$/i.test(type.trim())) {
        return `The server sends the scripts of this page as ${type.slice(0, 60) || 'files without a type'}, and browsers do not run those. It must send files that end in .js as text/javascript.`;
      }
    } catch {
      // Then it is the connection.
    }
    return 'A script of this page could not be loaded. Check the connection and reload the page.';
  };

  const parsed = new Promise((resolve) => addEventListener('DOMContentLoaded', resolve));
  parsed.then(() => document.querySelector('.unstarted')?.remove());

  addEventListener(
    'error',
    async (event) => {
      const { target } = event;
      /** @type {string|undefined} */
      let sentence;
      if (target instanceof HTMLScriptElement) sentence = await reasonOf(target.src);
      else if (event.error instanceof SyntaxError) sentence = `This browser cannot read the scripts of this page (${event.message}). Please use a current one.`;
      await parsed;
      if (sentence) tell(sentence);
    },
    true,
  );
}
