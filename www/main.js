// Wires the page: settings and their controls, the Generate view, the keyboard.

import { Controls } from './ui/controls.js';
import { Generate } from './views/generate.js';
import { Notices } from './ui/notices.js';
import { Settings, setModels } from './state.js';
import { fetchJsonText } from './engine/weights.js';

const MODELS = new URL('./models/', import.meta.url);

/** @param {{name: string, path: string, note: string}} model */
function showModel({ name, path, note }) {
  document.getElementById('model-name').textContent = name;
  document.getElementById('model-note').textContent = note;
  document.getElementById('model-card').href = new URL(`${path}README.md`, MODELS).href;
  const preview = document.getElementById('model-preview');
  preview.hidden = false;
  preview.onerror = () => (preview.hidden = true);
  preview.src = new URL(`${path}preview.png`, MODELS).href;
}

async function start() {
  const notices = new Notices(document.getElementById('notices'));
  const models = JSON.parse(await fetchJsonText(new URL('index.json', MODELS)));
  setModels(models);

  const settings = new Settings();
  settings.addEventListener('problems', ({ detail }) => {
    notices.clear('link');
    if (detail.length > 0) notices.show('link', detail.join(' '));
  });
  settings.connect();

  const controls = new Controls(document.getElementById('controls'), settings);
  const generate = new Generate({ settings, controls, notices, models });
  const showCurrentModel = () => showModel(models.find(({ id }) => id === settings.get('model')));
  settings.addEventListener('change', ({ detail }) => detail.keys.includes('model') && showCurrentModel());
  showCurrentModel();

  addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      generate.run();
    } else if (event.key === 'Escape') generate.stop();
  });
  await generate.load();
}

start().catch((error) => {
  const status = document.getElementById('status');
  status.dataset.state = 'error';
  status.textContent = `${error.message} Reload the page to try again.`;
});
