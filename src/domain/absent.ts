/** Values that nobody gave. Pure. */

/** `T` without undefined: its fields may be missing instead. A map stays a map. */
type Given<T> = string extends keyof T
  ? { [K in keyof T]: Exclude<T[K], undefined> }
  : { [K in keyof T]?: Exclude<T[K], undefined> };

/** So that the defaults of whoever reads the object apply. */
export function omitUndefined<T extends object>(given: T): Given<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given<T>;
}
