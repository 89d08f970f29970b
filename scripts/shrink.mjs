// Scripts and style sheets as they are published: without comments and blanks, which are more than a third of what a
// first visit would download of them. Names stay, so that a report of an error can be read, and every file stays a file.

/** @typedef {(path: string, code: string) => Promise<string>} Shrink */

/** @returns {Promise<Shrink|null>} null where npm's packages are not installed */
export async function findShrink() {
  const esbuild = await import('esbuild').catch(() => null);
  if (!esbuild) return null;
  return async (path, code) => {
    const result = await esbuild.transform(code, {
      loader: path.endsWith('.css') ? 'css' : 'js',
      minifyWhitespace: true,
      // Licences stay where they are.
      legalComments: 'inline',
      charset: 'utf8',
      target: 'esnext',
    });
    return result.code;
  };
}
