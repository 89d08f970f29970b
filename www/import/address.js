// Where a model is, as people write it: an address on the Hugging Face hub in any of its forms, or a folder, a file or an
// archive of any other server. One place has one spelling, which links carry.

/** The hub, and the other names that lead there. */
const HUB = 'https://huggingface.co';
const HUB_HOSTS = ['huggingface.co', 'www.huggingface.co', 'hf.co'];

/** Longer than any address that somebody would hand on. */
const LONGEST = 2000;

/** What stands in the place of an owner on the hub, and leads to something else than a model. @type {Record<string, string>} */
const NO_MODELS = { datasets: 'a data set', spaces: 'a Space', papers: 'a paper', collections: 'a collection', docs: 'a page of its manual', models: 'a list of models', blog: 'an article', organizations: 'an organisation', api: 'its interface for programs' };

/**
 * @typedef {object} Address
 * @property {string} id  its one spelling
 * @property {string} host
 * @property {string} name  what to call a model from there
 * @property {{repo: string, revision: string}|null} hub  where it is on the hub
 * @property {string} folder  path of the folder that it is in, with a slash at its end or empty: within the repository on the
 *   hub, else an address
 * @property {string} file  of weights or an archive in that folder, where the address names one; else empty
 * @property {string} search  what the address of such a file has after `?`
 */

/** @param {string} path @returns {[string, string]} its folder and what is in it */
function split(path) {
  const end = path.lastIndexOf('/') + 1;
  return [path.slice(0, end), path.slice(end)];
}

/** @param {string} file  a name @returns {boolean} whether it holds weights, or everything */
const holdsWeights = (file) => /\.(safetensors|bin|pt|pth|ckpt|zip|index\.json)$/i.test(file);

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @param {string[]} parts  of a path on the hub @returns {Address} @throws {Error} a sentence */
function onHub(parts) {
  if (parts[0] === 'api' && parts[1] === 'models') return onHub(parts.slice(2));
  if (Object.hasOwn(NO_MODELS, parts[0] ?? '')) throw new Error(`This is the address of ${NO_MODELS[parts[0]]} on the hub; take that of a model.`);
  // The oldest models have no owner.
  const verb = parts.findIndex((part) => ['tree', 'blob', 'resolve', 'raw', 'blame', 'commits', 'commit', 'discussions'].includes(part));
  const names = verb < 0 ? parts.slice(0, 2) : parts.slice(0, verb);
  const right = names.length >= 1 && names.length <= 2 && names.every((name) => /^[\w.-]+$/.test(name) && !/^\.+$/.test(name));
  if (!right) throw new Error('This address names no model on the hub; it should look like huggingface.co/OWNER/NAME.');
  const repo = names.join('/');
  const reads = verb >= 0 && !['commits', 'discussions'].includes(parts[verb]);
  let rest = reads ? parts.slice(verb + 1) : [];
  // refs/pr/1 and the like are one revision.
  const length = rest[0] === 'refs' ? 3 : 1;
  const revision = rest.slice(0, length).join('/') || 'main';
  rest = rest.slice(length);
  const namesFile = reads && ['blob', 'resolve', 'raw', 'blame'].includes(parts[verb]);
  const path = rest.join('/');
  const [folder, last] = namesFile ? split(path) : [path && `${path}/`, ''];
  const file = holdsWeights(last) ? last : '';
  const within = [...folder.split('/').filter(Boolean), ...(file ? [file] : [])];
  const plain = revision === 'main' && within.length === 0 && names.length === 2;
  const long = [repo, ...(revision === 'main' && within.length === 0 ? [] : [file ? 'blob' : 'tree', revision, ...within])].join('/');
  return {
    id: plain ? repo : new URL(`${HUB}/${long}`).href,
    host: HUB_HOSTS[0], name: names.at(-1) ?? repo, hub: { repo, revision }, folder, file, search: '',
  };
}

/** Whether a browser takes it for as safe as https. @param {URL} url */
const isHere = ({ protocol, hostname }) => protocol === 'http:' && ['localhost', '127.0.0.1'].includes(hostname);

/**
 * @param {string} text  as somebody wrote, copied or linked it
 * @returns {Address}
 * @throws {Error} a sentence that says what is wrong with it
 */
export function readAddress(text) {
  const written = text.trim();
  if (written === '') throw new Error('There is no address yet: paste that of a model, such as huggingface.co/OWNER/NAME.');
  if (written.length > LONGEST) throw new Error(`An address has at most ${LONGEST} characters; this one has ${written.length}.`);
  const short = /^(?:hf:\/\/)?([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?$/.exec(written);
  if (short && !HUB_HOSTS.includes(short[1].split('/')[0].toLowerCase())) return onHub([...short[1].split('/'), ...(short[2] ? ['tree', ...short[2].split('/')] : [])]);
  /** @type {URL} */
  let url;
  try {
    url = new URL(/^[a-z][a-z\d+.-]*:\/\//i.test(written) ? written : `https://${written}`);
  } catch {
    throw new Error('This is no address: it should look like huggingface.co/OWNER/NAME or https://HOST/FOLDER/.');
  }
  const hub = HUB_HOSTS.includes(url.hostname);
  if (hub) return onHub(url.pathname.split('/').filter(Boolean).map(decoded));
  if (url.protocol !== 'https:' && !isHere(url)) throw new Error(`Models are read from https addresses only; this one begins with ${url.protocol}//.`);
  if (url.username || url.password) throw new Error('This address holds a name or a password; links that do are not followed.');
  if (!url.hostname.includes('.') && !isHere(url)) throw new Error('This is no address: it should look like huggingface.co/OWNER/NAME or https://HOST/FOLDER/.');
  url.hash = '';
  let [folder, last] = split(url.pathname);
  const file = holdsWeights(last) ? decoded(last) : '';
  // A name without an ending is that of a folder.
  if (!file && last && !/\.\w+$/.test(last)) folder += `${last}/`;
  const name = decoded(folder.split('/').filter(Boolean).at(-1) ?? '') || url.hostname;
  const base = new URL(url.origin + folder).href;
  const search = file ? url.search : '';
  return { id: file ? `${base}${encodeURIComponent(file)}${search}` : base, host: url.host, name: /\.zip$/i.test(file) ? file.slice(0, -4) : name, hub: null, folder: base, file, search };
}

/** @param {Address} address @param {string} path  of a file, as it was listed @returns {URL} */
export function urlOf({ hub, folder, file, search }, path) {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  if (hub) return new URL(`${HUB}/${hub.repo}/resolve/${hub.revision.split('/').map(encodeURIComponent).join('%2F')}/${encoded}`);
  return new URL(folder + (path === file ? encoded + search : encoded));
}

/** Where the hub lists the files of a model. @param {{repo: string, revision: string}} hub @returns {URL} */
export function listOf({ repo, revision }) {
  return new URL(`${HUB}/api/models/${repo}/tree/${encodeURIComponent(revision)}?recursive=1`);
}
