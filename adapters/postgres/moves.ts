import type { Knex } from 'knex'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { StaleClaim, Unavailable } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { EventDetail, ImageState, TransitionName } from '../../domain/extract.js'
import type { ClaimToken } from '../../domain/transitions.js'
import type { Row } from './rows.js'
import { query } from './rows.js'

type Bindings = Readonly<Record<string, string | number | null>>

/** One way rows move: which rows, what is set, what the history says. SQL fragments over `image i`. */
export interface Move {
  readonly transition: TransitionName
  readonly where: string
  readonly set: string
  readonly bindings?: Bindings
  readonly detail?: EventDetail
  /** More of the history's detail, as SQL over the changed image: a jsonb value. */
  readonly detailSql?: string
  /** What is set on the deliveries of the `changed` rows (`old` = as they were), or `delete ... where` of some of them. */
  readonly deliveries?: string
}

/** Database time plus a binding in milliseconds. */
export const after = (binding: string): string => `clock_timestamp() + :${binding} * interval '1 millisecond'`
export const now = 'clock_timestamp()'

/** Fields of a row nobody works on, due at a time and to be published again. */
const unclaimed = (nextActionAt: string): string =>
  `lease_owner = null, lease_until = null, claims = 0, next_action_at = ${nextActionAt}, deadline_at = null,
   published_at = null, publishing_until = null`
export const requestedAt = (at: string): string => `state = 'requested', reason = null, ${unclaimed(at)}`
export const ended = (state: ImageState, reason: string): string =>
  `state = '${state}', reason = ${reason}, ${unclaimed('null')}`
export const heldNow = `state = 'held', reason = null, ${unclaimed('null')}`
export const awaitingFor = (check: string, deadline: string): string =>
  `state = 'awaiting', deadline_at = coalesce(i.deadline_at, ${after(deadline)}), lease_owner = null,
   lease_until = null, claims = 0, next_action_at = ${after(check)}, published_at = null, publishing_until = null`
/** A fresh start: what was delivered is delivered again under the same name. */
export const reopenedNow = `${requestedAt(now)}, attempts = 0, exported_at = null`
export const reopenDeliveries = `update pixl_pipeline.image_delivery d set state = 'pending', delivered_at = null
  from changed where d.image_id = changed.image_id`

/** Whether the series grew since the work in hand began. */
export const grew = `(cardinality(i.claimed_series) > 0
  and (cardinality(i.series) = 0 or not i.series <@ i.claimed_series))`

/** Moves rows and writes their history in one statement; gives the rows that moved, with `from_state`. */
export const move = (
  knex: Knex,
  { transition, where, set, bindings, detail, detailSql, deliveries }: Move,
): Promise<ReadonlyArray<Row>> =>
  query(
    knex,
    `with old as (
       select i.image_id, i.state, ${grew} as grew from pixl_pipeline.image i where ${where} order by i.image_id for update),
     changed as (
       update pixl_pipeline.image i set ${set} from old where i.image_id = old.image_id
       returning i.image_id, old.state as from_state, i.state, i.reason, i.fence, i.attempts, i.exported_at),
     delivered as (${deliveries ?? 'select 1'}),
     logged as (
       insert into pixl_pipeline.image_event (image_id, at, transition, from_state, to_state, reason, fence, detail)
       select i.image_id, ${now}, :transition, i.from_state, i.state, i.reason, i.fence,
         cast(:detail as jsonb) || ${detailSql ?? "cast('{}' as jsonb)"}
       from changed i)
     select * from changed`,
    { ...bindings, transition, detail: JSON.stringify(detail ?? {}) },
  )

/** The row a token holds. */
export const held = `i.image_id = :imageId and i.state = 'claimed' and i.fence = :fence and i.lease_owner = :owner`

export const tokenBindings = ({ imageId, fence, owner }: ClaimToken) => ({ imageId, fence, owner })

/** Runs database work; whatever is thrown is `Unavailable` without its message, which may quote values. */
export const attempt = <A>(work: () => Promise<A>): TE.TaskEither<Unavailable, A> =>
  TE.tryCatch(work, (caught) => unavailable('ExtractRepository', caught))

const stale: StaleClaim = { _tag: 'StaleClaim' }

/** A worker's write: stale when it changed no row. */
export const writing = (work: () => Promise<ReadonlyArray<Row>>): TE.TaskEither<StaleClaim | Unavailable, Row> =>
  pipe(
    attempt(work),
    TE.flatMap(([row]): TE.TaskEither<StaleClaim | Unavailable, Row> =>
      row === undefined ? TE.left(stale) : TE.right(row),
    ),
  )
