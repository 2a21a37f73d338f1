/** No request bypasses the consent gate. Checks the syntax trees, because a request can be called in many ways. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { listRepositoryFiles, ROOT } from './harness/texts.ts';

/** Objects with another `send`, which runs the request that it is given (engine/attempt.ts). */
const ATTEMPTS: readonly string[] = ['attempts', 'this.#attempts'];

/** The expressions from which the source takes a member `send`. Destructuring counts too, whatever the new name. */
function takesSendFrom(source: string): string[] {
  const root = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && node.name.text === 'send')
      found.push(node.expression.getText());
    if (ts.isElementAccessExpression(node) && /^.send.$/.test(node.argumentExpression.getText()))
      found.push(node.expression.getText());
    if (ts.isBindingElement(node) && (node.propertyName ?? node.name).getText() === 'send')
      found.push(node.parent.getText());
    ts.forEachChild(node, visit);
  };
  visit(root);
  return found;
}

it('only the consent gate calls the requests of the tables of writes', () => {
  const callers = listRepositoryFiles()
    .filter((file) => file.startsWith('src/activities/'))
    .filter((file) =>
      takesSendFrom(readFileSync(join(ROOT, file), 'utf8')).some((from) => !ATTEMPTS.includes(from)),
    );
  expect(callers).toEqual(['src/activities/engine/gate.ts']);
});

it.each([
  ['writes[kind].send(attempt)', 'writes[kind]'],
  ['definition?.send(attempt)', 'definition'],
  ["definition['send'](attempt)", 'definition'],
  ['const { gate, send } = definition;', '{ gate, send }'],
  ['const post = ({ send: post }: WriteDefinition) => post(attempt);', '{ send: post }'],
  ['await this.#attempts\n  .send(held)', 'this.#attempts'],
])('sees how %j takes a request out of a table of writes', (source, from) => {
  expect(takesSendFrom(source)).toEqual([from]);
});

it('the definition of a table of writes does not count as taking a request', () => {
  expect(takesSendFrom('const write = { repeatable: true, send: (attempt) => send(attempt) };')).toEqual([]);
});
