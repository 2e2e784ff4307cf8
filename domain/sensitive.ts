declare const kind: unique symbol

/** What every printed form of a sensitive value shows instead of it. */
export const redaction = '[redacted]'

/**
 * A patient-identifying value. `reveal()` is the only way in: every printed form (`String`, JSON, `inspect`) is a
 * redaction. Only codecs at the wire, database, archive and file edges reveal.
 */
export interface Sensitive<K extends string> {
  readonly [kind]?: K
  readonly reveal: () => string
}

/** Hospital number of a patient. */
export type Mrn = Sensitive<'Mrn'>
/** AccessionNumber (0008,0050) of an imaging study. */
export type AccessionNumber = Sensitive<'AccessionNumber'>
/** Original StudyInstanceUID (0020,000D). */
export type StudyInstanceUid = Sensitive<'StudyInstanceUid'>
/** Original SeriesInstanceUID (0020,000E). */
export type SeriesInstanceUid = Sensitive<'SeriesInstanceUid'>
/** Path of a file inside the hospital: names of folders and files may identify a patient. */
export type RawFilePath = Sensitive<'RawFilePath'>
/** Password, token, key or salt. */
export type Secret = Sensitive<'Secret'>

const redacted = (): string => redaction
const printedForms = Object.freeze({
  toString: redacted,
  toJSON: redacted,
  [Symbol.for('nodejs.util.inspect.custom')]: redacted,
})

/** Closes a value in; see {@link Sensitive}. */
export const sensitive = <K extends string>(value: string): Sensitive<K> =>
  Object.freeze(Object.create(printedForms, { reveal: { value: () => value } }) as Sensitive<K>)

/** The sensitive value of a trimmed text, or null when nothing is left. */
export const sensitiveOrNull = <K extends string>(text: string | null | undefined): Sensitive<K> | null => {
  const trimmed = text?.trim() ?? ''
  return trimmed === '' ? null : sensitive(trimmed)
}

/** The text behind a value that may be absent, '' when it is. */
export const revealOr = (value: Sensitive<string> | null): string => value?.reveal() ?? ''
