/**
 * What the code of a reason means: one sentence for each, wherever it is shown (files of records, reports, docs/reasons.md). A
 * message of the reason adds what is known of the record. Codes are stored, so they never change. CXone has codes of its own,
 * which come with its messages. Pure.
 */
export const REASONS = {
  // Rows of a source.
  row_bad_quote: 'The quotes of the row do not match',
  row_field_too_large: 'A value of the row is longer than the limit',
  row_not_an_object: 'The row is JSON but no object',
  row_not_json: 'The row cannot be read as JSON',
  row_not_text: 'The row has characters that its encoding does not have',
  row_number_not_exact: 'A number of the row has more digits than a JSON number keeps',
  row_number_too_large: 'A number of the row is larger than a JSON number can be',
  row_not_utf8: 'The row has bytes that are invalid in its encoding',
  row_other_encoding: 'The row looks like text in a 7-bit encoding',
  row_repeated_key: 'The row has the same key twice',
  row_too_deep: 'Objects and lists of the row are nested too deeply',
  row_too_few_cells: 'The row has fewer cells than the header',
  row_too_large: 'The row is larger than the limit',
  row_too_long: 'The values of the row are too long together',
  row_too_many_cells: 'The row has more cells than the header',
  row_too_many_fields: 'The row has more fields than the limit',
  row_unreadable: 'The row cannot be read',
  cell_digits_lost: 'The workbook no longer has all digits of a number',
  cell_error: 'A cell of the workbook shows an error',
  cell_not_a_date: 'A cell of the workbook is no date that exists',
  cell_not_calculated: 'The formula of a cell was never calculated',
  cell_scientific: 'A cell of the workbook shows a number in scientific form',
  cell_unreadable: 'A cell of the workbook cannot be read',
  duplicate_in_source: 'Another row of the source takes precedence',

  // Fields of a row.
  field_ambiguous: 'Two keys or columns could be the same field',
  field_missing: 'A required field is missing',
  field_nested: 'A value is an object or a list instead of a text',
  field_not_allowed: 'The schema of the run does not allow the field',
  field_null: 'A value is null',
  field_repeated: 'A field is there twice',
  field_without_name: 'A value has a key without a name',
  member_unknown: 'The row has a member that the API does not know',
  not_a_field: 'An entry is no field of the API',
  not_a_list: 'A list of fields is no list',
  number_not_exact: 'A number has more digits than a JSON number keeps',
  custom_fields_not_an_object: 'The custom fields are no object',

  // People and how they are reached.
  contact_id_missing: 'The contact id is missing',
  contact_id_invalid: 'The contact id is too long or has characters that it must not have',
  contact_id_not_a_guid: 'The contact id is no GUID',
  contact_id_not_exact: 'The contact id is a number that has lost digits',
  contact_id_not_text: 'The contact id is neither a text nor a number',
  contact_id_unreadable: 'The contact id stands for no id',
  phone_missing: 'The phone number is missing',
  phone_not_e164: 'The phone number is not in the international form E.164',
  phone_not_possible: 'No phone number of that country is written like this',
  phone_ambiguous: 'The phone number could be one of two countries',
  phone_numbers_not_a_list: 'The phone numbers are no list',
  email_missing: 'The email address is missing',
  email_has_blank: 'The email address has a blank inside',
  email_has_invisible_character: 'The email address has a character that cannot be seen',
  email_has_name: 'The email address has a name or angle brackets around it',
  email_has_several: 'There are several email addresses in one field',
  email_not_an_address: 'The value is not one email address',
  email_too_long: 'The email address is too long',
  time_zone_invalid: 'The value is no name of a time zone',
  time_zone_unknown: 'Nobody can tell the time zone of the person',

  // Consent and objections.
  consent_missing: 'The date of the consent is missing',
  consent_not_a_date: 'The date of the consent cannot be read as one',
  consent_in_future: 'The date of the consent is in the future',
  consent_too_old: 'The consent is too old',
  opt_in_missing: 'The decision is missing',
  opt_in_not_a_flag: 'The decision is neither clearly a yes nor clearly a no',
  opt_in_status_missing: 'The status of the opt-in is missing',
  opt_in_status_invalid: 'The status of the opt-in is unknown',
  opt_in_with_withdrawal: 'A yes has the date of a withdrawal',
  withdrawal_missing: 'A no has no date of the withdrawal',
  objection_protects_nobody: 'The objection does not say whose it is',
  gdpr_needs_consent_date: 'CXone takes no withdrawal under GDPR without the date of the consent',
  on_our_suppression_list:
    'The objection is respected by our own suppression list although CXone may not have it',
  channel_missing: 'The channel is missing',
  channel_unknown: 'The channel is unknown',
  regulatory_region_missing: 'The regulatory region is missing',
  regulatory_region_unknown: 'The regulatory region is unknown',
  source_missing: 'The source of the decision is missing',
  source_too_long: 'The source of the decision is too long',
  idempotency_key_not_a_guid: 'The idempotency key is no GUID',
  idempotency_key_shared: 'The idempotency key was replaced because several rows have it',
  timestamp_in_future: 'A date is in the future',
  timestamp_not_a_date: 'A date cannot be read as one',
  suppressed: 'The person has objected and is on our own suppression list',
  suppressed_by_cxone: "The person is on CXone's suppression list",
  suppression_unknown: 'CXone did not say whether the person is on its suppression list',
  objected_after_sending: 'The person objected after the record may have been sent',

  // Eligibility.
  invalid_channel: 'The channel is missing or unknown',
  invalid_timestamp: 'CXone has a date on record that cannot be read',
  no_contact_id: 'There is no contact id to look up',
  no_consent_on_record: 'CXone has no consent on record',
  consent_unavailable: 'CXone did not say whether there is a consent',
  ccpa_sale_opt_out: 'The person has opted out under CCPA',
  explicit_opt_out: 'The person has opted out',
  withdrawal_supersedes_consent: 'The consent was withdrawn',
  pending_confirmation: 'The person has not confirmed the consent yet',
  gdpr_consent_insufficient: 'The consent was given before the GDPR took effect',
  tcpa_consent_missing: 'The consent that TCPA requires for calls and texts is missing',
  consent_expired: 'The consent has expired',
  deferred_quiet_hours: 'It is too early or too late in the day for the person',

  // List loads.
  deduplication_key_missing: 'The row has no value by which duplicates are found',
  deduplication_keys_differ: 'The deduplication keys of the row are not its own values',
  no_capacity: 'There is no room in the campaign',
  outside_calling_hours: 'The person may not be called now',
  score_not_a_number: 'A value of the score is no number',
  updated_at_not_a_date: 'The date of the last change cannot be read as one',

  // Emails.
  merge_field_invalid: 'A merge field has a value that cannot be sent',
  merge_field_missing: 'A merge field has neither a value nor a fallback',
  merge_field_not_text: 'A merge field is not a text',
  merge_fields_not_an_object: 'The merge fields are no object',
  subject_invalid: 'The subject is blank or too long with the values of the row',
  tag_invalid: 'A tag is too long or has characters that it must not have',
  tags_not_texts: 'The tags are no list of texts',
  delivered_after_all: 'The message before was delivered after all',
  events_unreadable: 'CXone does not show what became of the message before',
  not_sent_again: 'The message before bounced temporarily and was not sent again',

  // Answers of CXone.
  refused: 'CXone refuses the request and names no record',
  always_fails: 'Every attempt to write the record fails',
  answer_lost: 'The answer was lost and CXone may have applied the request',
  answered_differently: 'CXone answered with something else than was sent',
  not_created_unexplained: 'CXone did not create the record and does not say why',
  not_applied_unexplained: 'CXone did not apply the preference and does not say why',
  own_write_or_existing: 'This run may have written the record or it was there before',
  no_record_id: 'CXone names no id for the record that is there',
  record_gone: 'The record is not in CXone any more',
  preference_unavailable: 'CXone did not say which preference it has',
  identical_in_cxone: 'CXone has the same preference already',
  older_than_withdrawal: 'CXone has a newer withdrawal',
  newer_in_cxone: 'CXone has a newer preference',
  conflict_resolved: 'CXone had another preference and has taken ours',

  // Selections.
  nothing_to_change: 'The campaign has this selection already',
  theirs_kept: 'The change of somebody else was kept',
  changed_differently: 'Somebody else changed the same place differently',
  changing_too_fast: 'Somebody else kept changing the campaign before each write',

  // The end of a run.
  run_cancelled: 'The run was cancelled before the record was sent',
  plan_rejected: 'The plan was rejected',
  erased: 'The person was erased before the record was sent',
} as const satisfies Readonly<Record<string, string>>;

export type ReasonCode = keyof typeof REASONS;

/** The sentence of a code; null for one of CXone's. */
export function meaningOf(code: string): string | null {
  return Object.hasOwn(REASONS, code) ? REASONS[code as ReasonCode] : null;
}
