/** What JSON.parse changes without a word: keys that are there twice, and numbers that lose digits. Pure. */
import { isSafeNumber } from 'lossless-json';
import { describeKey } from './json.ts';

export interface RepeatedKey {
  /** E.g. `contactSelection.exclusionListIds`; `''` after the first ones. May be personal data, as the names of keys may. */
  readonly path: string;
  /** 0-based places in the text where the key begins, the first and the repeated time. */
  readonly first: number;
  readonly repeated: number;
  /** 1 for the first repetition, 2 for the second. */
  readonly times: number;
}

export interface LossyNumber {
  readonly path: string;
  /** 0-based place in the text. */
  readonly at: number;
  /** After JSON.parse nobody can tell that it had more digits. Others are infinite, or whole numbers beyond 2^53. */
  readonly isFraction: boolean;
}

interface Findings {
  readonly keys: readonly RepeatedKey[];
  readonly numbers: readonly LossyNumber[];
}

/** A path may be long, so that not each of very many findings has one. */
const MOST_PATHS = 20;

/** Of valid JSON. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]|-?\d[\d.eE+-]*/g;

/**
 * In the order of the text. Of lossy numbers only the first ones.
 * @param text valid JSON: parse it first
 */
export function findChanges(text: string): Findings {
  const keys: RepeatedKey[] = [];
  const numbers: LossyNumber[] = [];
  const open: Frame[] = [];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const frame = open.at(-1);
    if (token === '{' || token === '[') open.push(openFrame(token));
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',') goOn(frame);
    else if (token.startsWith('"')) {
      if (frame?.isKeyNext === true)
        keys.push(...takeKey(open, frame, token, index, keys.length < MOST_PATHS));
    } else if (numbers.length < MOST_PATHS && losesDigits(token))
      numbers.push({ path: pathOf(open), at: index, isFraction: isFraction(token) });
  }
  return { keys, numbers };
}

/** Whether JSON.parse makes another number of it, or a whole number that is no longer certain to be the same. */
export function losesDigits(text: string): boolean {
  return !Number.isFinite(Number(text)) || !isSafeNumber(text);
}

function isFraction(text: string): boolean {
  const value = Number(text);
  return Number.isFinite(value) && !(Number.isInteger(value) && !Number.isSafeInteger(value));
}

/** 1-based line of a place in a text. */
export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split(/\r\n|\r|\n/).length;
}

/** An object or a list that is open. */
interface Frame {
  /** Where each key was seen first, and how often again; null in a list. */
  readonly seen: Map<string, { readonly first: number; times: number }> | null;
  isKeyNext: boolean;
  /** The current key, or position in the list. */
  at: string | number;
}

const openFrame = (token: string): Frame =>
  token === '{' ? { seen: new Map(), isKeyNext: true, at: '' } : { seen: null, isKeyNext: false, at: 0 };

function goOn(frame: Frame | undefined): void {
  if (frame === undefined) return;
  if (typeof frame.at === 'number') frame.at += 1;
  else frame.isKeyNext = true;
}

function takeKey(
  open: readonly Frame[],
  frame: Frame,
  token: string,
  index: number,
  isNamed: boolean,
): RepeatedKey[] {
  const key = JSON.parse(token) as string;
  frame.isKeyNext = false;
  frame.at = key;
  const seen = frame.seen?.get(key);
  if (seen === undefined) {
    frame.seen?.set(key, { first: index, times: 0 });
    return [];
  }
  seen.times += 1;
  return [{ path: isNamed ? pathOf(open) : '', first: seen.first, repeated: index, times: seen.times }];
}

function pathOf(open: readonly Frame[]): string {
  const parts = open.map(({ at }) => (typeof at === 'number' ? `[${at}]` : `.${describeKey(at)}`));
  return parts.join('').replace(/^\./, '');
}
