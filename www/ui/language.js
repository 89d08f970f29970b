// A language that number formats take. WebKit hands on the name of the system's locale, and "C" is none; uPlot makes a
// format for the browser's language as soon as it is loaded, so this is to be loaded before it.

try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
}
