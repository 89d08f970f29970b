// The page without a network: a published site (scripts/site) names its service worker, which keeps the page's files.
// Where there is none, or the browser does not allow it, nothing happens: the page is then as it was without.

/** Tells where a service worker is; only scripts/site writes it. */
const NAME = 'service-worker';

/** A site that no longer has a service worker gets rid of it, so that it is shown as it is now. @param {URL} script */
async function isGone(script) {
  const response = await fetch(script, { method: 'HEAD', cache: 'no-store' }).catch(() => null);
  return response?.status === 404 || response?.status === 410;
}

/**
 * Keeps the page and asks the browser not to throw away what is kept. Call it when the model is there: it downloads
 * what the page has not needed yet.
 */
export async function keepOffline() {
  const script = document.querySelector(`meta[name="${NAME}"]`)?.getAttribute('content');
  if (!script || !navigator.serviceWorker) return;
  const url = new URL(script, document.baseURI);
  try {
    if (navigator.serviceWorker.controller && (await isGone(url))) {
      await (await navigator.serviceWorker.getRegistration())?.unregister();
      return;
    }
    await navigator.serviceWorker.register(url, { updateViaCache: 'none' });
    await navigator.storage?.persist?.();
  } catch {
    // Not allowed here, or offline.
  }
}
