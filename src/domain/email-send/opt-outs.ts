/** How the ids of the preference updates begin that bring the opt-outs of an email send to CXone. */
export const optOutRunPrefix = (runId: string): string => `${runId}.opt-outs-`;
