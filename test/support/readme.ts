import type { PixlError, UploadRejected } from '../../domain/errors.js'
import { describeError } from '../../domain/errors.js'
import { imageStates, transitionTable } from '../../domain/extract.js'
import { absentReasons, failedReasons, reasonSentence, skippedReasons } from '../../domain/reasons.js'

const table = (...rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [header, ...body] = rows.map((cells) => `| ${cells.join(' | ')} |`)
  return [header, rows[0]!.map(() => '|---').join('') + '|', ...body].join('\n')
}

/** The README's table of reasons. */
export const reasonsTable = (): string =>
  table(
    ['state', 'reason', 'what it means'],
    ...Object.entries({ skipped: skippedReasons, absent: absentReasons, failed: failedReasons }).flatMap(
      ([state, reasons]) => reasons.map((reason) => [state, `\`${reason}\``, reasonSentence[reason]]),
    ),
  )

const placeholder = <A>(text: string): A => text as unknown as A
const rejections: ReadonlyArray<UploadRejected['reason']> = ['credentials', 'invalid', 'partial', 'quota', 'conflict']

/** One error of each tag, with placeholders for what it names: a new tag does not compile until it stands here. */
const errors: { readonly [T in PixlError['_tag']]: ReadonlyArray<Extract<PixlError, { _tag: T }>> } = {
  Unavailable: [{ _tag: 'Unavailable', port: placeholder('PORT'), cause: { name: 'CAUSE' } }],
  StudyNotInArchive: [{ _tag: 'StudyNotInArchive', archive: 'primary' }],
  SeveralMatches: [{ _tag: 'SeveralMatches', archive: 'primary', count: 2 }],
  IdentityMismatch: [{ _tag: 'IdentityMismatch', archive: 'primary' }],
  UnreadableStudy: [{ _tag: 'UnreadableStudy', problem: 'PROBLEM' }],
  StudyNotFound: [{ _tag: 'StudyNotFound', study: placeholder('STUDY') }],
  UploadRejected: rejections.map((reason) => ({ _tag: 'UploadRejected', study: placeholder('STUDY'), reason })),
  SecretNotFound: [{ _tag: 'SecretNotFound', secret: placeholder('NAME') }],
  SecretAccessDenied: [{ _tag: 'SecretAccessDenied', secret: placeholder('NAME') }],
  StaleClaim: [{ _tag: 'StaleClaim' }],
  InvalidInput: [{ _tag: 'InvalidInput', where: 'WHERE', what: 'WHAT', remedy: 'REMEDY' }],
  UnknownProject: [{ _tag: 'UnknownProject', project: placeholder('PROJECT') }],
  UnknownDestination: [{ _tag: 'UnknownDestination', destination: placeholder('NAME') }],
}

/** The README's table of errors. */
export const errorsTable = (): string => {
  const all: ReadonlyArray<ReadonlyArray<PixlError>> = Object.values(errors)
  return table(
    ['tag', 'what is said'],
    ...all
      .flat()
      .map((error) => [
        `\`${error._tag}\`${error._tag === 'UploadRejected' ? ` \`${error.reason}\`` : ''}`,
        describeError(error),
      ]),
  )
}

/** The README's table of moves, from the one the program checks them by. */
export const movesTable = (): string => {
  const states = (list: ReadonlyArray<string>): string =>
    list.length === imageStates.length ? 'any' : list.length === 0 ? '(no row)' : list.join(', ')
  return table(
    ['move', 'from', 'to', 'when'],
    ...Object.entries(transitionTable).map(([name, { from, to, when }]) => [
      `\`${name}\``,
      states(from),
      name === 'merge' ? 'the same' : states(to),
      when,
    ]),
  )
}

/** The README's picture of the states, from the same table; `merge` moves nothing and is left out. */
export const movesPicture = (): string => {
  const arrows = new Map<string, Array<string>>()
  for (const [name, { from, to }] of Object.entries(transitionTable)) {
    if (name === 'merge') continue
    const sources: ReadonlyArray<string> = from.length === 0 ? ['[*]'] : from
    for (const source of sources)
      for (const target of to)
        arrows.set(`${source} --> ${target}`, [...(arrows.get(`${source} --> ${target}`) ?? []), name])
  }
  const lines = [...arrows].map(([arrow, names]) => `  ${arrow}: ${names.join(', ')}`)
  return ['```mermaid', 'stateDiagram-v2', ...lines, '```'].join('\n')
}

/** A fenced block of a Markdown text. */
export interface Snippet {
  readonly language: string
  /** What stands after the language: the file's name. */
  readonly name: string
  readonly text: string
}

export const snippetsOf = (markdown: string): ReadonlyArray<Snippet> =>
  [...markdown.matchAll(/^```(\w*)[ ]?([^\n]*)\n([\s\S]*?)^```$/gm)].map(([, language, name, text]) => ({
    language: language!,
    name: name!,
    text: text!,
  }))
