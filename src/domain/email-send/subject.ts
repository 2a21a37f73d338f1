/** What a subject may be (docs/email-send.md#the-message). Pure. */
import { TEXT_RULES, textProblem } from '../text.ts';

/** In code points: what RFC 5322 allows in a line, and the email tutorial in a subject. */
const MAX_SUBJECT = 998;

/** What is wrong with a subject, as it is written or as it is merged; null: nothing. Never contains the subject. */
export function subjectProblem(subject: string): string | null {
  if (subject.trim() === '') return 'must not be blank';
  const length = [...subject].length;
  if (length > MAX_SUBJECT) return `must have at most ${MAX_SUBJECT} characters, but has ${length}`;
  return lineProblem(subject);
}

/** What must not be in a subject, and so not in a value that becomes a part of one. */
export function lineProblem(text: string): string | null {
  return textProblem(text, TEXT_RULES.subject);
}
