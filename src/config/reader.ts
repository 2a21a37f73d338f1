/** Reads settings from an environment, one at a time, and collects every problem. */
import { TEXT_RULES, textProblem } from '../domain/text.ts';
import type { Secret } from './secret.ts';
import type { Setting, Settings, Values } from './setting.ts';

export type Env = Readonly<Record<string, string | undefined>>;
/** Returns the content of a file. Errors are those of node:fs. */
export type ReadFile = (path: string) => string;

export interface Credentials {
  readonly clientId: string | null;
  readonly clientSecret: Secret | null;
}

export class SettingsReader {
  readonly #env: Env;
  readonly #readFile: ReadFile;
  readonly #problems = new Set<string>();

  constructor(env: Env, readFile: ReadFile) {
    this.#env = env;
    this.#readFile = readFile;
  }

  /** One line for each: the variable, what is wrong with it, and what to do. Never the value of a secret. */
  get problems(): readonly string[] {
    return [...this.#problems];
  }

  /** Several families read the same variables, so the same problem may be reported more than once; it is kept once. */
  addProblem(name: string, what: string, remedy: string): void {
    this.#problems.add(`${name} ${what}: ${remedy}`);
  }

  isSet(setting: Setting<unknown>): boolean {
    return this.#text(this.#nameInUse(setting)) !== null;
  }

  /** With a problem the result is the setting's fallback. */
  read<T>(setting: Setting<T>): T {
    const name = this.#nameInUse(setting);
    const given = setting.isSecret ? this.#textOrFile(name) : { text: this.#text(name), from: name };
    if (given.text === null || !this.#isWellFormed(given.text, given.from)) return setting.fallback;
    const parsed = setting.schema.safeParse(given.text);
    if (parsed.success) return parsed.data;
    const what = parsed.error.issues[0]?.message ?? 'cannot be read';
    this.addProblem(name, what, 'correct it, or remove it for the default');
    return setting.fallback;
  }

  readAll<S extends Settings>(settings: S): Values<S> {
    const entries = Object.entries(settings).map(([key, setting]) => [key, this.read(setting)] as const);
    return Object.fromEntries(entries) as Values<S>;
  }

  /** A client id and its secret belong together: one without the other is a problem. */
  readCredentials(settings: {
    readonly clientId: Setting<string | null>;
    readonly clientSecret: Setting<Secret | null>;
  }): Credentials {
    const { clientId, clientSecret } = this.readAll(settings);
    if ((clientId === null) !== (clientSecret === null)) {
      const [idName, secretName] = [settings.clientId.name, settings.clientSecret.name];
      const [missing, present] = clientId === null ? [idName, secretName] : [secretName, idName];
      this.addProblem(missing, `is missing beside ${present}`, 'set both or neither');
    }
    return { clientId, clientSecret };
  }

  #nameInUse({ name, alias }: Setting<unknown>): string {
    return alias !== undefined && this.#text(name) === null ? alias : name;
  }

  /** An empty variable counts as unset, because compose files and CI systems cannot leave one out. */
  #text(name: string): string | null {
    return this.#env[name]?.trim() || null;
  }

  /** `from`: whose value it is. */
  #textOrFile(name: string): { readonly text: string | null; readonly from: string } {
    const fileName = `${name}_FILE`;
    const [value, path] = [this.#text(name), this.#text(fileName)];
    if (path === null) return { text: value, from: name };
    if (value !== null) this.addProblem(name, `and ${fileName} are both set`, 'remove one of them');
    if (!this.#isWellFormed(path, fileName)) return { text: value, from: name };
    try {
      const content = this.#readFile(path).trim();
      if (content === '') this.addProblem(fileName, 'names an empty file', 'write the secret into it');
      return { text: content || null, from: `the file of ${fileName}` };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
      this.addProblem(fileName, `cannot be read (${code})`, 'name a file that this process may read');
      return { text: value, from: name };
    }
  }

  /** Most settings reach the ledger, a header or a log, where such a text does damage far from where it came from. */
  #isWellFormed(text: string, from: string): boolean {
    const problem = textProblem(text, TEXT_RULES.setting);
    if (problem !== null) this.addProblem(from, problem, 'write it anew, as UTF-8 on one line');
    return problem === null;
  }
}
