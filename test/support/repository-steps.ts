import * as fc from 'fast-check'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import { imageStates } from '../../domain/extract.js'
import type { Priority } from '../../domain/identifiers.js'
import {
  DestinationName,
  known,
  ProjectSlug,
  PseudoPatientId,
  PseudoStudyUid,
  StudyKey,
  WorkerId,
} from '../../domain/identifiers.js'
import { requestFor, studyIdentity } from '../../domain/recording.js'
import { sensitive, sensitiveOrNull } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ClaimToken } from '../../domain/transitions.js'
import type { ImageSelection } from '../../ports/extract-repository.js'
import type { Operation, Side, Step, View } from './repository-model.js'
import { call, readRows } from './repository-model.js'

type Choice<A> = fc.Arbitrary<(view: View) => A>

/** Studies of one world: shared MRNs and accession numbers, with and without a UID, with parts missing. */
const studies = [
  ['m1', 'a1', null],
  ['m1', 'a2', null],
  ['m2', 'a1', '1.2.3'],
  ['m2', 'a1', null],
  [null, 'a3', '1.2.4'],
] as const
const projects = ['project-one', 'project-two'].map((slug) => known(ProjectSlug, slug))
const workers = ['worker-1', 'worker-2', 'worker-3'].map((name) => known(WorkerId, name))
const destinations = ['folder', 'elsewhere'].map((name) => known(DestinationName, name))
const often = <A>(arbitrary: fc.Arbitrary<A>) => ({ weight: 3, arbitrary })
const seconds = (...all: ReadonlyArray<number>) => fc.constantFrom(...all.map((each) => Math.round(each * 1000)))

const project = fc.constantFrom(projects[0]!, projects[0]!, projects[1]!)
const queue = fc.constantFrom('primary', 'primary', 'secondary')
const worker = fc.constantFrom(...workers)
const leaseMs = seconds(0, 30, 60)
const waitMs = seconds(0, 0, 1, 30)

const requestOf = (slug: fc.Arbitrary<ProjectSlug>): fc.Arbitrary<StudyRequest> =>
  fc
    .record({
      slug,
      study: fc.constantFrom(...studies),
      // Rarely the whole study: a row that wants it never grows again.
      series: fc.oneof(
        { weight: 1, arbitrary: fc.constant<Array<string>>([]) },
        { weight: 9, arbitrary: fc.subarray<string>(['1.1', '1.2', '1.3', '1.4'], { minLength: 1, maxLength: 2 }) },
      ),
      extract: fc.constantFrom('2023-12-07T14:08:00+00:00', '2024-01-01T00:00:00+00:00'),
      procedure: fc.constantFrom(null, 1, 2),
      date: fc.constantFrom('2022-11-22', '2022-11-23'),
      patient: fc.constantFrom(null, null, 'participant-1'),
    })
    .map(({ slug: own, study: [mrn, accession, uid], series, extract, procedure, date, patient }) => ({
      project: own,
      projectName: own,
      mrn: sensitiveOrNull(mrn),
      accessionNumber: sensitiveOrNull(accession),
      studyInstanceUid: sensitiveOrNull(uid),
      seriesInstanceUids: series.map((each) => sensitive<'SeriesInstanceUid'>(each)),
      studyDate: date,
      procedureOccurrenceId: procedure,
      extractGeneratedTimestamp: extract,
      pseudoPatientId: patient === null ? null : known(PseudoPatientId, patient),
    }))
const request = requestOf(project)

const always = (arbitrary: fc.Arbitrary<Operation>): Choice<Operation> => arbitrary.map((operation) => () => operation)

const recordOf = (requests: fc.Arbitrary<StudyRequest>): Choice<Operation> =>
  always(
    fc
      .tuple(fc.array(requests, { minLength: 1, maxLength: 4 }), fc.constantFrom<Priority>(1, 3, 5), queue)
      .map(([all, priority, name]) =>
        call('recordRequests', all as unknown as NonEmptyArray<StudyRequest>, priority, name),
      ),
  )

/** Mostly a study that has a row. */
const wanted: Choice<StudyRequest> = fc.tuple(request, fc.nat(11)).map(
  ([other, n]) =>
    ({ rows }) =>
      n === 11 || rows.length === 0 ? other : requestFor(rows[n % rows.length]!),
)

const claim: Choice<Operation> = fc.tuple(wanted, worker, leaseMs).map(
  ([which, owner, ms]) =>
    (view) =>
      call('claim', which(view), owner, ms),
)

/** Mostly the latest claim of a row that is claimed; else an old one, or one nobody ever got. */
const token: Choice<ClaimToken> = fc
  .tuple(fc.constantFrom('live', 'live', 'live', 'live', 'old', 'strange'), fc.nat(11), worker)
  .map(([kind, n, owner]) => ({ rows, tokens }) => {
    const live = rows
      .filter(({ state }) => state === 'claimed')
      .map(({ imageId, fence, leaseOwner }) => ({ imageId, fence, owner: leaseOwner! }))
    const some = kind === 'old' ? tokens : live
    const picked = some[n % Math.max(1, some.length)] ?? { imageId: 1 + n, fence: 1, owner }
    return kind === 'strange' ? { ...picked, owner } : picked
  })

const object = fc.record({
  remoteName: fc.constantFrom('project-one/a.zip', 'project-one/b.zip'),
  bytes: fc.constantFrom(null, 10, 5_000_000_000),
  sha256: fc.constantFrom(null, 'ab'),
})
const names = fc.record({
  pseudoStudyUid: fc.constantFrom('2.25.1', '2.25.2').map((uid) => known(PseudoStudyUid, uid)),
  pseudoPatientId: fc.constantFrom('p1', 'p2').map((id) => known(PseudoPatientId, id)),
})
const studyKey = fc.constantFrom('a', 'b', 'c').map((digit) => known(StudyKey, digit.repeat(64)))
const cause = fc.constantFrom('Unavailable ImageArchive ECONNREFUSED', 'UnreadableStudy')

/** Every write of a worker. */
const change: fc.Arbitrary<(held: ClaimToken) => Operation> = fc.oneof(
  leaseMs.map((ms) => (held: ClaimToken) => call('renew', held, ms)),
  waitMs.map((ms) => (held: ClaimToken) => call('release', held, ms)),
  queue.map((name) => (held: ClaimToken) => call('routeTo', held, name)),
  often(
    fc.tuple(studyKey, names).map(
      ([key, named]) =>
        (held: ClaimToken) =>
          call('recordNames', held, key, named),
    ),
  ),
  often(
    fc.tuple(fc.constantFrom(...destinations), fc.constantFrom('uploaded' as const, 'delivered' as const), object).map(
      ([name, state, stored]) =>
        (held: ClaimToken) =>
          call('recordDelivery', held, name, state, stored),
    ),
  ),
  often(fc.subarray(destinations).map((named) => (held: ClaimToken) => call('markExported', held, named))),
  often(
    fc.tuple(waitMs, seconds(0, 30, 60)).map(
      ([check, deadline]) =>
        (held: ClaimToken) =>
          call('markAwaiting', held, check, deadline),
    ),
  ),
  fc
    .constantFrom({}, { SeriesFiltered: 3, TooFewInstances: 1 })
    .map((leftOut) => (held: ClaimToken) => call('markSkipped', held, 'SeriesFiltered', leftOut)),
  fc.constant((held: ClaimToken) => call('markAbsent', held)),
  fc.tuple(waitMs, fc.boolean(), cause).map(
    ([ms, counted, why]) =>
      (held: ClaimToken) =>
        call('scheduleRetry', held, ms, counted, why),
  ),
  cause.map((why) => (held: ClaimToken) => call('markFailed', held, 'UnreadableFile', why)),
)
const write: Choice<Operation> = fc.tuple(token, change).map(
  ([held, make]) =>
    (view) =>
      make(held(view)),
)

const lease: Choice<Operation> = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(0, 0, 0, 1, 2)).map(
  ([limit, after]) =>
    () =>
      call('leaseForPublication', limit, after),
)
/** Publications of late, and now and then of long ago. */
const confirm: Choice<Operation> = fc
  .tuple(
    fc.constantFrom('stampPublished' as const, 'stampPublished' as const, 'abandonPublication' as const),
    fc.array(fc.nat(5), { maxLength: 3 }),
  )
  .map(
    ([method, picks]) =>
      ({ publications }) =>
        call(
          method,
          picks.flatMap((n) => publications.at(-1 - n) ?? []),
        ),
  )
const queues = always(
  fc.oneof(
    fc.tuple(queue, seconds(0, 1, 60, 120)).map(([name, ms]) => call('forgetPublished', name, ms)),
    queue.map((name) => call('countLeased', name)),
    fc.integer({ min: 1, max: 3 }).map((most) => call('expireAwaiting', most)),
  ),
)

const selection: fc.Arbitrary<ImageSelection> = fc.oneof(
  fc.constant({}),
  fc.record({ project, queue, states: fc.subarray([...imageStates]) }, { requiredKeys: [] }),
)
const move = always(
  fc
    .tuple(
      fc.constantFrom(
        'hold' as const,
        'resume' as const,
        'resume' as const,
        'cancel' as const,
        'replay' as const,
        'replay' as const,
      ),
      selection,
    )
    .map(([name, which]) => call('move', name, which)),
)
const read = always(
  fc.oneof(
    selection.map((which) => ({
      title: `images(${JSON.stringify(which)})`,
      run: (side: Side) => readRows(side, which),
    })),
    names.map(({ pseudoStudyUid }) => call('findByPseudoStudyUid', pseudoStudyUid)),
    fc.constantFrom('m1', 'a1', '1.2.3', '', 'm%').map((text) => call('findByIdentifier', sensitive(text))),
    fc.nat(9).map((imageId) => call('history', imageId)),
  ),
)

const foreign = always(
  fc.tuple(request, fc.constantFrom(null, '2023-12-31T23:59:59.999Z')).map(([which, at]) => ({
    title: `a foreign row for ${JSON.stringify([which.mrn?.reveal(), which.accessionNumber?.reveal()])}, exported ${at}`,
    run: (side: Side) => side.writeForeignRow({ ...which, seriesInstanceUids: [] }, at === null ? null : new Date(at)),
  })),
)
const exportForeign: Choice<Operation> = wanted.map((which) => (view) => {
  const one = which(view)
  return {
    title: `another system exports ${JSON.stringify([one.project, one.mrn?.reveal(), one.accessionNumber?.reveal()])}`,
    run: (side) => side.exportForeign(one, new Date('2023-12-31T23:59:59.999Z')),
  }
})

const elapse = (now: Date, ms: number): Operation => {
  const at = new Date(now.getTime() + ms)
  return {
    title: `${ms} ms pass`,
    run: async (side) => {
      await side.setNow(at)
      return at
    },
  }
}
const pass: Choice<Operation> = seconds(0.001, 1, 29.999, 30, 60, 120, 600).map(
  (ms) =>
    ({ now }) =>
      elapse(now, ms),
)

/** Workers that claim one study and die, one after the other. */
const deaths: fc.Arbitrary<Step> = fc
  .tuple(wanted, worker, fc.integer({ min: 2, max: 11 }))
  .map(([which, owner, times]) => (view) => ({
    atOnce: false,
    operations: Array.from({ length: times }, (_, n) => [
      call('claim', which(view), owner, 30_000),
      elapse(view.now, (n + 1) * 30_000),
    ]).flat(),
  }))

const one = (choice: Choice<Operation>): fc.Arbitrary<Step> =>
  choice.map((choose) => (view) => ({ atOnce: false, operations: [choose(view)] }))

/**
 * Claims of one study one after the other, what their workers write, what is asked for meanwhile, and time between:
 * deeper than chance goes.
 */
const visits: fc.Arbitrary<Step> = fc
  .tuple(
    wanted,
    worker,
    fc.array(
      fc.record({
        more: fc.option(request, { freq: 1 }),
        changes: fc.array(change, { minLength: 1, maxLength: 3 }),
        ms: seconds(0, 1, 30),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([which, owner, rounds]) => (view) => {
    const study = which(view)
    const row = view.rows.find((each) => studyIdentity(each) === studyIdentity(study))
    let at = view.now
    return {
      atOnce: false,
      operations: rounds.flatMap(({ more, changes, ms }, n) => {
        const held = { imageId: row?.imageId ?? 1, fence: (row?.fence ?? 0) + 1 + n, owner }
        const { seriesInstanceUids, extractGeneratedTimestamp } = more ?? study
        const asked = { ...study, seriesInstanceUids, extractGeneratedTimestamp }
        const passing = elapse(at, ms)
        at = new Date(at.getTime() + ms)
        return [
          call('claim', study, owner, 60_000),
          ...(more === null ? [] : [call('recordRequests', [asked], 1, 'primary')]),
          ...changes.map((make) => make(held)),
          passing,
        ]
      }),
    }
  })

/** Two to four operations at once: of several workers on one study, of a sweeper, an operator and a cohort. */
const together = (some: ReadonlyArray<Choice<Operation>>): fc.Arbitrary<Step> =>
  fc.oneof(
    fc.array(fc.oneof(...some), { minLength: 2, maxLength: 4 }).map((choices): Step => (view) => ({
      atOnce: true,
      operations: choices.map((choose) => choose(view)),
    })),
    fc
      .tuple(wanted, fc.shuffledSubarray(workers, { minLength: 2 }), leaseMs)
      .map(([which, owners, ms]): Step => (view) => ({
        atOnce: true,
        operations: owners.map((owner) => call('claim', which(view), owner, ms)),
      })),
    fc
      .tuple(token, fc.array(change, { minLength: 1, maxLength: 3 }), claim)
      .map(([held, changes, taking]): Step => (view) => ({
        atOnce: true,
        operations: [...changes.map((make) => make(held(view))), taking(view)],
      })),
  )

/**
 * Histories. On several connections rows locked by another are passed over when publications are leased, and keys of
 * rows recorded for two projects at once come in any order: `'server'` leaves both out of what runs at once.
 */
export const histories = (database: 'embedded' | 'server', length: number): fc.Arbitrary<ReadonlyArray<Step>> => {
  const record = recordOf(request)
  const atOnce =
    database === 'embedded'
      ? [record, claim, claim, write, write, lease, confirm, queues, move]
      : [recordOf(requestOf(fc.constant(projects[0]!))), claim, claim, write, write, confirm, queues, move]
  return fc.array(
    fc.oneof(
      { weight: 4, arbitrary: one(record) },
      { weight: 7, arbitrary: one(claim) },
      { weight: 14, arbitrary: one(write) },
      { weight: 5, arbitrary: one(pass) },
      { weight: 3, arbitrary: one(lease) },
      { weight: 3, arbitrary: one(confirm) },
      { weight: 3, arbitrary: one(queues) },
      { weight: 3, arbitrary: one(move) },
      { weight: 2, arbitrary: one(read) },
      { weight: 1, arbitrary: one(foreign) },
      { weight: 1, arbitrary: one(exportForeign) },
      { weight: 1, arbitrary: deaths },
      { weight: 4, arbitrary: visits },
      { weight: 4, arbitrary: together(atOnce) },
    ),
    { minLength: 1, maxLength: length, size: 'max' },
  )
}
