import * as E from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import type { Document, ErrorCode, Node } from 'yaml'
import { isAlias, isCollection, isMap, isScalar, Lexer, LineCounter, parseDocument, Parser, visit } from 'yaml'
import { describeValidation } from '../../domain/decode.js'
import type { InvalidInput } from '../../domain/errors.js'
import { invalidInput } from '../../domain/errors.js'

/** Something wrong in a file, and the line it is in. */
export interface Problem {
  readonly line: number
  readonly text: string
}

/** The content of a YAML file that remembers where everything stood. */
export interface YamlFile {
  readonly value: unknown
  /** The line of a place, or of the nearest place around it that is there. */
  readonly lineOf: (path: ReadonlyArray<string>) => number
}

/** The parser's findings in words of ours: its messages quote the file. */
const findings: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_DQ_ESCAPE: 'holds an unknown escape in double quotes; use single quotes around regular expressions',
  BAD_INDENT: 'is indented differently from the lines around it',
  MULTIPLE_DOCS: 'begins a second document; one file holds one',
  NON_STRING_KEY: 'has a key that is not a plain text',
  TAB_AS_INDENT: 'is indented by a tab; use spaces',
  TAG_RESOLVE_FAILED: 'holds a !tag; write plain values',
}

/** How a number is written so that YAML 1.1 (the Python services) and 1.2 (here) read the same. */
const sameInBoth = /^(0|-?[1-9][0-9]*|0x[0-9a-fA-F]+)$/

const findOddities = (document: Document.Parsed, lineAt: (node: Node) => number): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  visit(document, {
    // The parser's own search for keys that stand twice compares each with each.
    Map: (_, map) => {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : null
        if (name === null || !seen.has(name)) seen.add(name ?? '')
        else problems.push({ line: lineAt(key as Node), text: 'has a key that stands before in the same mapping' })
      }
    },
    Scalar: (_, scalar) => {
      if (typeof scalar.value === 'number' && !sameInBoth.test(scalar.source ?? ''))
        problems.push({
          line: lineAt(scalar),
          text: 'holds a number that versions of YAML read differently; write it as 16 or 0x0010',
        })
    },
  })
  return problems
}

const nodeAt = (document: Document.Parsed, path: ReadonlyArray<string>): Node => {
  const follow = (node: unknown): Node | undefined => (isAlias(node) ? node.resolve(document) : (node as Node))
  let node = document.contents as Node
  for (const [i, key] of path.entries()) {
    const parent = follow(node)
    if (!isCollection(parent)) break
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined
    const next = pair === undefined ? parent.get(Number(key), true) : i === path.length - 1 ? pair.key : pair.value
    if (next === undefined || next === null) break
    node = next as Node
  }
  return node
}

/** No configuration is nested deeper. */
const deepest = 64

/**
 * The line at which the text is nested too deeply, or null. The parser proper recurses, and running out of stack there
 * can end the process: a regular expression that V8 compiles at that moment is a fatal error, not one to catch.
 */
const tooDeepAt = (text: string): number | null => {
  const lines = new LineCounter()
  const parser = new Parser(lines.addNewLine)
  for (const lexeme of new Lexer().lex(text)) {
    // The tokens themselves are of no interest; taking them makes the parser go on.
    Array.from(parser.next(lexeme))
    if (parser.stack.length > deepest) return lines.linePos(parser.offset).line || 1
  }
  return null
}

/** Parses the text of one YAML 1.2 document, strictly. */
export const parseYaml = (text: string): E.Either<ReadonlyArray<Problem>, YamlFile> => {
  const deep = tooDeepAt(text)
  if (deep !== null) return E.left([{ line: deep, text: 'is nested too deeply' }])
  const lines = new LineCounter()
  const lineOf = (offset: number): number => lines.linePos(offset).line || 1
  const lineAt = (node: Node | null | undefined): number => lineOf(node?.range?.[0] ?? 0)
  const document = parseDocument(text, {
    lineCounter: lines,
    logLevel: 'error',
    prettyErrors: false,
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: false,
  })
  const found = [...document.errors, ...document.warnings].map(({ code, pos }) => ({
    line: lineOf(pos[0]),
    text: findings[code] ?? `is not valid YAML (${code})`,
  }))
  // What else is odd in a document that is not YAML is of no interest, and mostly follows from the first fault.
  const problems = found.length > 0 ? found.slice(0, 1) : findOddities(document, lineAt)
  if (problems.length > 0) return E.left(problems)
  return E.tryCatch(
    () => ({
      value: document.toJS({ maxAliasCount: 100 }) as unknown,
      lineOf: (path) => lineAt(nodeAt(document, path)),
    }),
    () => {
      let line = 1
      visit(document, {
        Alias: (_, alias) => {
          line = lineAt(alias)
          return visit.BREAK
        },
      })
      return [{ line, text: 'uses *aliases without an &anchor before them, or too many of them' }]
    },
  )
}

/** Enough to say how bad a file is; looking up the place of each of very many would take quadratic time. */
const mostProblemsLocated = 1000
const mostProblemsShown = 20

/** The problems a decoder found, with the lines they are in. */
export const locate = (file: YamlFile, errors: t.Errors): ReadonlyArray<Problem> =>
  errors.slice(0, mostProblemsLocated).map((error) => ({
    line: file.lineOf(error.context.slice(1).map(({ key }) => key)),
    text: describeValidation([error]).problems.join(),
  }))

/** One sentence for all problems of a file, in the order of its lines. */
export const asInvalidInput = (file: string, problems: ReadonlyArray<Problem>): InvalidInput => {
  const sorted = [...problems].sort((a, b) => a.line - b.line)
  const shown = sorted
    .slice(0, mostProblemsShown)
    .map(({ line, text }, i) => (i === 0 ? text : `line ${line}: ${text}`))
  const more = sorted.length - shown.length
  return invalidInput(
    `${file}:${sorted[0]?.line ?? 1}`,
    [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; '),
    'correct the file',
  )
}
