import type { Knex } from 'knex'
import { makeMemoryClock } from '../../adapters/memory/clock.js'
import { makeMemoryExtractRepository } from '../../adapters/memory/extract-repository.js'
import { makePostgresExtractRepository } from '../../adapters/postgres/extract-repository.js'
import type { ImageDelivery, ImageEvent, ImageRecord } from '../../domain/extract.js'
import { revealOr } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ClaimToken } from '../../domain/transitions.js'
import type { Claim, ExtractRepository, Publication } from '../../ports/extract-repository.js'
import { succeed } from '../contract/synthetic.js'

/** One of the two that must agree: the model, or a database. */
export interface Side {
  readonly repository: ExtractRepository
  readonly setNow: (at: Date) => Promise<void>
  /** Writes a row the way the Python services do. */
  readonly writeForeignRow: (request: StudyRequest, exportedAt: Date | null) => Promise<void>
  /** Sets the time of export of a study's rows the way the Python services do. */
  readonly exportForeign: (request: StudyRequest, at: Date) => Promise<void>
}

/** What is done to both sides: a method of the port with all its arguments, or something from outside. */
export interface Operation {
  readonly title: string
  readonly run: (side: Side) => Promise<unknown>
}

/** What the next step may refer to: the rows of the model, and every token and publication there ever was. */
export interface View {
  readonly now: Date
  readonly rows: ReadonlyArray<ImageRecord>
  readonly tokens: ReadonlyArray<ClaimToken>
  readonly publications: ReadonlyArray<Publication>
}

/** Operations one after the other, or all at once. */
export interface Plan {
  readonly operations: ReadonlyArray<Operation>
  readonly atOnce: boolean
}
/** A part of a history that decides what to do by what it sees. */
export type Step = (view: View) => Plan

type Methods = {
  readonly [
    M in keyof ExtractRepository as ExtractRepository[M] extends (
      ...args: ReadonlyArray<never>
    ) => () => Promise<unknown>
      ? M
      : never
  ]: ExtractRepository[M]
}

/** An argument as a title shows it: without what is null or empty. */
const shown = (arg: unknown): string =>
  JSON.stringify(arg, (key, value: unknown) =>
    value === null || key === 'projectName' || (Array.isArray(value) && value.length === 0 && key !== 'states')
      ? undefined
      : value,
  ) ?? 'null'

/** A call of a method of the port. */
export const call = <M extends keyof Methods>(method: M, ...args: Parameters<Methods[M]>): Operation => ({
  title: `${method}(${args.map((arg) => shown(plain(arg))).join(', ')})`,
  run: ({ repository }) => (repository[method] as (...all: typeof args) => () => Promise<unknown>)(...args)(),
})

const start = new Date('2024-01-01T00:00:00.000Z')

/** The repository in memory: transitions of the domain, applied as they are. */
export const makeModelSide = (): Side => {
  let now = start
  const repository = makeMemoryExtractRepository({ ...makeMemoryClock(), now: () => now })
  return {
    repository,
    setNow: async (at) => void (now = at),
    writeForeignRow: (request, exportedAt) => repository.writeForeignRow({ request, exportedAt }),
    exportForeign: repository.exportForeign,
  }
}

/** A change to the text of statements: how the tests break them on purpose. */
export type Rewrite = (sql: string) => string

/** A knex whose statements are rewritten before they run; enough of one for the repository. */
const rewritten = (knex: Knex, rewrite: Rewrite): Knex =>
  ({
    raw: (sql: string, bindings: Knex.ValueDict) => knex.raw(rewrite(sql), bindings),
    transaction: (work: (trx: Knex) => Promise<unknown>) => knex.transaction((trx) => work(rewritten(trx, rewrite))),
  }) as unknown as Knex

/** Puts a clock that only moves when told to before PostgreSQL's own; sessions must search `searchPath`. */
export const searchPath = 'model_clock, pg_catalog, public'
export const installClock = async (knex: Knex): Promise<void> => {
  await knex.raw('create schema model_clock')
  await knex.raw('create table model_clock.instant (at timestamptz not null)')
  await knex.raw('insert into model_clock.instant values (?)', [start.toISOString()])
  await knex.raw(`create function model_clock.clock_timestamp() returns timestamptz language sql volatile
    as 'select at from model_clock.instant'`)
}

/** A migrated database with the clock installed, emptied, its keys beginning at 1 like the model's. */
export const makeDatabaseSide = async (knex: Knex, rewrite?: Rewrite): Promise<Side> => {
  const setNow = async (at: Date): Promise<void> => {
    await knex.raw('update model_clock.instant set at = ?', [at.toISOString()])
  }
  await knex.raw('truncate pixl_pipeline.extract restart identity cascade')
  await setNow(start)
  const identity = (request: StudyRequest) => ({
    slug: request.project,
    mrn: revealOr(request.mrn),
    accession: revealOr(request.accessionNumber),
    uid: request.studyInstanceUid?.reveal() ?? null,
  })
  return {
    repository: makePostgresExtractRepository(rewrite === undefined ? knex : rewritten(knex, rewrite)),
    setNow,
    writeForeignRow: async (request, exportedAt) => {
      await knex.raw(
        `insert into pixl_pipeline.extract (slug)
         select :slug where not exists (select from pixl_pipeline.extract where slug = :slug)`,
        { slug: request.project },
      )
      await knex.raw(
        `insert into pixl_pipeline.image
           (extract_id, mrn, accession_number, study_uid, study_date, pseudo_patient_id, exported_at)
         select extract_id, :mrn, :accession, :uid, cast(:date as date), :patient, cast(:exported as timestamptz)
         from pixl_pipeline.extract where slug = :slug`,
        {
          ...identity(request),
          date: request.studyDate,
          patient: request.pseudoPatientId,
          exported: exportedAt?.toISOString() ?? null,
        } as Knex.ValueDict,
      )
    },
    exportForeign: async (request, at) => {
      await knex.raw(
        `update pixl_pipeline.image i set exported_at = :at from pixl_pipeline.extract e
         where e.extract_id = i.extract_id and e.slug = :slug and i.mrn = :mrn and i.accession_number = :accession
           and i.study_uid is not distinct from cast(:uid as text)`,
        { ...identity(request), at: at.toISOString() } as Knex.ValueDict,
      )
    },
  }
}

const byDestination = (deliveries: unknown): unknown =>
  [...(deliveries as ReadonlyArray<ImageDelivery>)].sort((a, b) => (a.destination < b.destination ? -1 : 1))

/** A value as data to compare and print: keys and deliveries in order, identifiers (made up here) revealed. */
export const plain = (value: unknown): unknown => {
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  if ('reveal' in value) return (value as { reveal: () => string }).reveal()
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(
    fields.map(([key, field]) => [key, key === 'deliveries' ? byDestination(plain(field)) : plain(field)]),
  )
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(plain(a)) === JSON.stringify(plain(b))

/** Rows of a selection. */
export const readRows = async ({ repository }: Side, selection = {}): Promise<ReadonlyArray<ImageRecord>> => {
  const rows: Array<ImageRecord> = []
  for await (const row of repository.images(selection)) rows.push(row)
  return rows
}

/** Where two plain values differ, one line each. */
const differences = (real: unknown, model: unknown, path = ''): ReadonlyArray<string> => {
  if (same(real, model)) return []
  if (typeof real !== 'object' || typeof model !== 'object' || real === null || model === null)
    return [`${path}: the database has ${JSON.stringify(real)}, the model ${JSON.stringify(model)}`]
  return [...new Set([...Object.keys(real), ...Object.keys(model)])].flatMap((key) =>
    differences(
      (real as Record<string, unknown>)[key],
      (model as Record<string, unknown>)[key],
      path === '' ? key : `${path}.${key}`,
    ),
  )
}

interface Seen {
  readonly rows: ReadonlyArray<ImageRecord>
  readonly counts: unknown
  readonly histories: Readonly<Record<number, ReadonlyArray<ImageEvent>>>
}

/** All that can be seen of a side, with the histories of some rows or of all. */
const observe = async (side: Side, ids?: ReadonlyArray<number>): Promise<Seen> => {
  const rows = await readRows(side)
  const histories: Record<number, ReadonlyArray<ImageEvent>> = {}
  for (const id of ids ?? rows.map(({ imageId }) => imageId)) histories[id] = await succeed(side.repository.history(id))
  return { rows, counts: await succeed(side.repository.countByState), histories }
}

const changedRows = (before: Seen, after: Seen): ReadonlyArray<number> =>
  after.rows
    .filter(
      (row) =>
        !same(
          row,
          before.rows.find(({ imageId }) => imageId === row.imageId),
        ) || before.histories[row.imageId]?.length !== after.histories[row.imageId]?.length,
    )
    .map(({ imageId }) => imageId)

const orders = (items: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> =>
  items.length < 2
    ? [items]
    : items.flatMap((first) => orders(items.filter((item) => item !== first)).map((rest) => [first, ...rest]))

/**
 * Runs a history on both sides and compares, after every step, each answer, every row, the counts and the histories.
 * What runs at once must come out as it would in one order of the model; the history goes on from there. Gives what the
 * histories of the rows say in the end.
 */
export const runHistory = async (steps: ReadonlyArray<Step>, real: Side): Promise<ReadonlyArray<ImageEvent>> => {
  const log: Array<Operation> = []
  const tokens: Array<ClaimToken> = []
  const publications: Array<Publication> = []
  let now = start
  const replayed = async (): Promise<Side> => {
    const side = makeModelSide()
    for (const { run } of log) await run(side)
    return side
  }
  const learn = (answer: unknown): void => {
    if (answer instanceof Date) now = answer
    const right = (answer as { right?: Claim | ReadonlyArray<Publication> } | undefined)?.right
    if (Array.isArray(right))
      publications.push(...(right as ReadonlyArray<Publication>).filter((each) => 'queue' in each && 'request' in each))
    else if (right !== undefined && (right as Claim)._tag === 'Claimed')
      tokens.push((right as Extract<Claim, { _tag: 'Claimed' }>).token)
  }
  const agree = (actual: unknown, expected: unknown, what: string): void => {
    if (same(actual, expected)) return
    const history = log.map(({ title }) => `\n  ${title}`).join('')
    throw new Error(`${what} differ after${history}\n${differences(plain(actual), plain(expected)).join('\n')}`)
  }

  let model = makeModelSide()
  let before = await observe(model)
  for (const step of steps) {
    const { operations, atOnce } = step({ now, rows: before.rows, tokens, publications })
    if (atOnce) {
      const answers = await Promise.all(operations.map(({ run }) => run(real)))
      const seen = await observe(real)
      let first: { answers: ReadonlyArray<unknown>; seen: Seen } | null = null
      let found: Side | null = null
      for (const order of orders(operations.map((_, n) => n))) {
        const side = await replayed()
        const expected: Array<unknown> = operations.map(() => undefined)
        for (const n of order) expected[n] = await operations[n]!.run(side)
        const result = { answers: expected, seen: await observe(side) }
        first ??= result
        if (!same(answers, expected) || !same(seen, result.seen)) continue
        found = side
        log.push(...order.map((n) => operations[n]!))
        expected.forEach(learn)
        before = result.seen
        break
      }
      if (found === null) {
        log.push(...operations.map((each) => ({ ...each, title: `at once: ${each.title}` })))
        agree({ answers, seen }, first, 'answers and rows')
      } else model = found
      continue
    }
    for (const operation of operations) {
      log.push(operation)
      const expected = await operation.run(model)
      agree(await operation.run(real), expected, 'the last answers')
      learn(expected)
    }
    const after = await observe(model)
    const ids = changedRows(before, after)
    const histories = Object.fromEntries(ids.map((id) => [id, after.histories[id]]))
    agree(await observe(real, ids), { ...after, histories }, 'rows')
    before = after
  }
  agree(await observe(real), before, 'rows at the end')
  return Object.values(before.histories).flat()
}
