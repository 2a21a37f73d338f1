/** Numbers in the form that people read. Pure. */
const COUNT = new Intl.NumberFormat('en-GB');

/** `12,345` */
export function formatCount(n: number): string {
  return COUNT.format(n);
}
