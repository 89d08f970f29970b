// A row of choices that may be too long for its place: it scrolls, and fades where there is more of it.

/** Follows the row from now on, whatever is put into it. @param {HTMLElement} row */
export function scrollingRow(row) {
  row.classList.add('row-of-more');
  const tell = () => {
    const { scrollLeft, clientWidth, scrollWidth } = row;
    row.classList.toggle('more-before', scrollLeft > 1);
    row.classList.toggle('more-after', scrollLeft + clientWidth < scrollWidth - 1);
  };
  const sizes = new ResizeObserver(tell);
  const watch = () => {
    sizes.disconnect();
    for (const part of [row, ...row.children]) sizes.observe(part);
  };
  row.addEventListener('scroll', tell, { passive: true });
  new MutationObserver(watch).observe(row, { childList: true });
  watch();
}

/** How far its ends fade, CSS pixels; style/stage.css has the same. */
const FADE = 44;

/** Scrolls a row, and nothing else, so that one of its parts is well in sight. @param {HTMLElement} row @param {Element} part */
export function reveal(row, part) {
  const { left, right } = row.getBoundingClientRect();
  const at = part.getBoundingClientRect();
  if (at.left - FADE < left || at.right + FADE > right) row.scrollLeft += (at.left + at.right - left - right) / 2;
}
