/** The operations that the command line offers, in the order of its help. Adding one takes a line here. */
import type { CliOperation } from './cli.ts';
import { contactImport } from './commands/contacts.ts';
import { emailSend } from './commands/email.ts';
import { listLoad } from './commands/list.ts';
import { preferenceUpdate } from './commands/preferences.ts';
import { selectionUpdate } from './commands/selection.ts';

export const CLI_OPERATIONS: readonly CliOperation[] = [
  contactImport,
  listLoad,
  preferenceUpdate,
  selectionUpdate,
  emailSend,
];
