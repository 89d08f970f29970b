// What a picture or film tells of itself once it has left the page: how to make it again, and whose work the model is.
// Each kind of file has its own way to hold that; the words are these.

/**
 * @typedef {object} Credit
 * @property {string} link  the address that makes the same pictures again
 * @property {string} [title]
 * @property {string} [author]  whose work the model is
 * @property {string} [copyright]  under which terms, in one line
 */

const SOFTWARE = 'ddim-web';

/** The keywords of PNG, with their texts. @param {Credit} credit @returns {[keyword: string, text: string][]} */
export function entriesOf({ link, title, author, copyright }) {
  /** @type {[string, string | undefined][]} */
  const all = [
    ['Title', title],
    ['Author', author],
    ['Copyright', copyright],
    ['Software', SOFTWARE],
    ['Source', link],
  ];
  return all.flatMap(([keyword, text]) => (text ? [[keyword, text]] : []));
}

/** Line by line, for formats that hold one text. @param {Credit} credit */
export function textOf(credit) {
  return entriesOf(credit)
    .map(([keyword, text]) => `${keyword}: ${text}`)
    .join('\n');
}

/** @param {string} text */
function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** As XMP, Adobe's XML for that. @param {Credit} credit */
export function xmpOf({ link, title, author, copyright }) {
  /** @param {string} name @param {string|undefined} text */
  const alternatives = (name, text) =>
    text ? `<dc:${name}><rdf:Alt><rdf:li xml:lang="x-default">${escape(text)}</rdf:li></rdf:Alt></dc:${name}>` : '';
  return [
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">',
    alternatives('title', title),
    author ? `<dc:creator><rdf:Seq><rdf:li>${escape(author)}</rdf:li></rdf:Seq></dc:creator>` : '',
    alternatives('rights', copyright),
    `<dc:source>${escape(link)}</dc:source><xmp:CreatorTool>${SOFTWARE}</xmp:CreatorTool>`,
    '</rdf:Description></rdf:RDF></x:xmpmeta>',
  ].join('');
}
