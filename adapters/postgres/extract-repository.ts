import type { Knex } from 'knex'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { StaleClaim, Unavailable } from '../../domain/errors.js'
import type { ClaimToken, OperatorMove } from '../../domain/transitions.js'
import type { ExtractRepository } from '../../ports/extract-repository.js'
import { claim } from './claims.js'
import { makeInspection, selectionSql } from './inspection.js'
import {
  after,
  attempt,
  awaitingFor,
  ended,
  grew,
  held,
  heldNow,
  move,
  now,
  reopenDeliveries,
  reopenedNow,
  requestedAt,
  tokenBindings,
  writing,
} from './moves.js'
import { makePublication } from './publication.js'
import { recordNames, recordRequests } from './recording.js'
import type { Row } from './rows.js'
import { query } from './rows.js'

const operatorSql: Readonly<Record<OperatorMove, { readonly from: string; readonly set: string }>> = {
  hold: { from: "i.state in ('requested', 'claimed')", set: heldNow },
  resume: { from: "i.state = 'held'", set: requestedAt(now) },
  cancel: { from: "i.state in ('requested', 'held')", set: ended('skipped', "'Cancelled'") },
  replay: { from: "i.state in ('failed', 'absent')", set: `${requestedAt(now)}, attempts = 0` },
}

/** The rows in PostgreSQL, or in PGlite: the same statements. Times are the database's. */
export const makePostgresExtractRepository = (knex: Knex): ExtractRepository => {
  /** The end of a claim, or `requested` again when more series were asked for meanwhile. */
  const finish = async (
    transition: 'export' | 'skip',
    token: ClaimToken,
    end: { readonly set: string; readonly bindings?: Record<string, string>; readonly deliveries?: string },
    detail: object,
  ): Promise<ReadonlyArray<Row>> => {
    const bindings = tokenBindings(token)
    const moved = await move(knex, {
      transition,
      where: `${held} and not ${grew}`,
      detail,
      ...end,
      bindings: { ...bindings, ...end.bindings },
    })
    if (moved.length > 0) return moved
    return move(knex, {
      transition,
      where: `${held} and ${grew}`,
      set: reopenedNow,
      bindings,
      detail,
      deliveries: reopenDeliveries,
    })
  }

  const recordDelivery: ExtractRepository['recordDelivery'] = (token, destination, state, object, leftOut) =>
    toVoid(
      writing(() =>
        query(
          knex,
          `with mine as (
             select i.image_id, i.state, i.fence from pixl_pipeline.image i where ${held} for update),
           delivered as (
             insert into pixl_pipeline.image_delivery as d
               (image_id, destination, state, remote_name, bytes, sha256, delivered_at)
             select image_id, :destination, :state, :remoteName, cast(:bytes as bigint), :sha256,
               case when :state = 'delivered' then ${now} end from mine
             on conflict (image_id, destination) do update set state = excluded.state,
               remote_name = excluded.remote_name, bytes = excluded.bytes, sha256 = excluded.sha256,
               delivered_at = excluded.delivered_at),
           logged as (
             insert into pixl_pipeline.image_event (image_id, at, transition, from_state, to_state, reason, fence, detail)
             select image_id, ${now}, 'deliver', state, state, null, fence, cast(:detail as jsonb) from mine)
           select * from mine`,
          {
            ...tokenBindings(token),
            ...object,
            destination,
            state,
            detail: JSON.stringify({ destination, delivery: state, remoteName: object.remoteName, leftOut }),
          },
        ),
      ),
    )

  const moveSelected: ExtractRepository['move'] = (name, selection) =>
    attempt(async () => {
      const { where, bindings } = selectionSql(selection)
      const { from, set } = operatorSql[name]
      return (await move(knex, { transition: name, where: `${where} and ${from}`, set, bindings })).length
    })

  return {
    recordRequests: (requests, priority, queue) => attempt(() => recordRequests(knex, requests, priority, queue)),
    claim: (request, owner, leaseMs) => attempt(() => claim(knex, request, owner, leaseMs)),
    renew: (token, leaseMs) =>
      toVoid(
        writing(() =>
          query(
            knex,
            `update pixl_pipeline.image i set lease_until = ${after('leaseMs')} where ${held} returning i.image_id`,
            { ...tokenBindings(token), leaseMs },
          ),
        ),
      ),
    release: (token, afterMs) =>
      toVoid(
        writing(() =>
          move(knex, {
            transition: 'release',
            where: held,
            set: requestedAt(after('afterMs')),
            bindings: { ...tokenBindings(token), afterMs },
            detail: { afterMs },
          }),
        ),
      ),
    routeTo: (token, queue) =>
      toVoid(
        writing(() =>
          move(knex, {
            transition: 'route',
            where: held,
            set: `${requestedAt(now)}, queue = :queue`,
            bindings: { ...tokenBindings(token), queue },
            detail: { queue },
          }),
        ),
      ),
    recordNames: (token, studyKey, names) =>
      pipe(
        attempt(() => recordNames(knex, token, studyKey, names)),
        TE.flatMap((named) =>
          named === null ? TE.left<StaleClaim | Unavailable, never>({ _tag: 'StaleClaim' }) : TE.right(named),
        ),
      ),
    recordDelivery,
    markExported: (token, destinations) =>
      pipe(
        writing(() =>
          finish(
            'export',
            token,
            {
              set: `${ended('exported', 'null')}, exported_at = ${now}`,
              bindings: { destinations: JSON.stringify(destinations) },
              deliveries: `delete from pixl_pipeline.image_delivery d using changed
                where d.image_id = changed.image_id and d.state <> 'delivered'
                  and d.destination not in (select jsonb_array_elements_text(cast(:destinations as jsonb)))`,
            },
            {},
          ),
        ),
        TE.map((row) => row['state'] as 'exported' | 'requested'),
      ),
    markAwaiting: (token, checkMs, deadlineMs) =>
      toVoid(
        writing(() =>
          move(knex, {
            transition: 'await',
            where: held,
            set: awaitingFor('checkMs', 'deadlineMs'),
            bindings: { ...tokenBindings(token), checkMs, deadlineMs },
          }),
        ),
      ),
    markSkipped: (token, reason, leftOut) =>
      pipe(
        writing(() => finish('skip', token, { set: ended('skipped', ':reason'), bindings: { reason } }, { leftOut })),
        TE.map((row) => row['state'] as 'skipped' | 'requested'),
      ),
    markAbsent: (token) =>
      toVoid(
        writing(() =>
          move(knex, {
            transition: 'absent',
            where: held,
            set: ended('absent', "'NotInArchive'"),
            bindings: tokenBindings(token),
          }),
        ),
      ),
    scheduleRetry: (token, afterMs, counted, cause) =>
      toVoid(
        writing(() =>
          move(knex, {
            transition: 'retry',
            where: held,
            set: `${requestedAt(after('afterMs'))}, attempts = i.attempts + :more`,
            bindings: { ...tokenBindings(token), afterMs, more: counted ? 1 : 0 },
            detail: { afterMs, counted, cause },
            detailSql: "jsonb_build_object('attempts', i.attempts)",
          }),
        ),
      ),
    markFailed: (token, reason, cause) =>
      toVoid(
        writing(() =>
          move(knex, {
            transition: 'fail',
            where: held,
            set: ended('failed', ':reason'),
            bindings: { ...tokenBindings(token), reason },
            detail: { cause },
          }),
        ),
      ),
    ...makePublication(knex),
    ...makeInspection(knex),
    expireAwaiting: (maxAttempts) =>
      attempt(async () => {
        const due = `i.state = 'awaiting' and i.deadline_at <= ${now}`
        const bindings = { maxAttempts }
        const detailSql = "jsonb_build_object('attempts', i.attempts, 'counted', true)"
        const deliveries = `${reopenDeliveries} and d.state = 'uploaded'`
        const expire = (where: string, end: string) => {
          const set = `${end}, attempts = i.attempts + 1`
          return move(knex, { transition: 'expire', where, set, bindings, detailSql, deliveries })
        }
        const last = await expire(`${due} and i.attempts + 1 >= :maxAttempts`, ended('failed', "'RetriesExhausted'"))
        const again = await expire(`${due} and i.attempts + 1 < :maxAttempts`, requestedAt(now))
        return last.length + again.length
      }),
    move: moveSelected,
  }
}

const toVoid = <E_, A>(task: TE.TaskEither<E_, A>): TE.TaskEither<E_, void> => TE.map((): void => undefined)(task)
