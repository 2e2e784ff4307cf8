import { expect } from 'chai'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import type { ImageDelivery, ImageRecord, ImageRequest } from '../../domain/extract.js'
import { imageStates, isTransition, rowViolations, transitionTable } from '../../domain/extract.js'
import type { Priority } from '../../domain/identifiers.js'
import { DestinationName, known, WorkerId } from '../../domain/identifiers.js'
import { recordAll } from '../../domain/recording.js'
import { failedReasons, skippedReasons } from '../../domain/reasons.js'
import { sensitive } from '../../domain/sensitive.js'
import type { ClaimToken, MergedRequest, Moved } from '../../domain/transitions.js'
import {
  absentImage,
  awaitAnswer,
  claimImage,
  expireAwaiting,
  exportImage,
  failImage,
  holds,
  mergeRequest,
  operatorMoves,
  releaseClaim,
  renewClaim,
  retryClaim,
  routeClaim,
  sameStudy,
  seriesGrew,
  skipImage,
  undelivered,
  uniteSeries,
  withDelivery,
} from '../../domain/transitions.js'
import { syntheticRequest } from '../contract/synthetic.js'

const start = new Date('2024-01-01T00:00:00.000Z')
const destinations = ['folder', 'ftps'].map((name) => known(DestinationName, name))
const leaseMs = 60_000

const rowOf = (series: ReadonlyArray<string> = []): ImageRecord => ({
  ...recordAll([syntheticRequest(1, { series })], () => ({ ours: null, foreign: [] }), 1, 'primary', start)
    .inserted[0]!,
  imageId: 1,
})

const delivery = (at: Date, destination: DestinationName, state: 'uploaded' | 'delivered'): ImageDelivery => ({
  destination,
  state,
  remoteName: 'project-one/2.25.1.zip',
  bytes: 1,
  sha256: null,
  deliveredAt: state === 'delivered' ? at : null,
})

/** A worker's write under a token. */
type Write = (image: ImageRecord, token: ClaimToken, now: Date) => E.Either<unknown, Moved>

/** Delivers to what is missing, then exports: what a worker does in one claim. */
const deliverAndExport: Write = (image, token, now) => {
  const whole = undelivered(image, destinations).reduce(
    (row, name) => withDelivery(row, delivery(now, name, 'delivered')),
    image,
  )
  return exportImage(destinations, now)(holds(image, token) ? whole : image, token)
}
const acceptAndAwait: Write = (image, token, now) =>
  awaitAnswer(
    1000,
    100_000,
    now,
  )(holds(image, token) ? withDelivery(image, delivery(now, destinations[0]!, 'uploaded')) : image, token)

const writes: Readonly<Record<string, Write>> = {
  renew: (image, token, now) => renewClaim(leaseMs, now)(image, token),
  release: (image, token, now) => releaseClaim(5000, now)(image, token),
  route: (image, token, now) => routeClaim('secondary', now)(image, token),
  retry: (image, token, now) => retryClaim(5000, true, 'Unavailable', now)(image, token),
  outage: (image, token, now) => retryClaim(5000, false, 'Unavailable', now)(image, token),
  await: acceptAndAwait,
  export: deliverAndExport,
  skip: (image, token, now) => skipImage(skippedReasons[image.fence % skippedReasons.length]!, {}, now)(image, token),
  sameStudy: (image, token) => sameStudy(image, token),
  absent: (image, token) => absentImage(image, token),
  fail: (image, token) => failImage(failedReasons[image.fence % failedReasons.length]!, 'cause')(image, token),
}

const seriesArb = fc.array(fc.constantFrom('1.1', '1.2', '1.3'), { maxLength: 2 })
const requestArb = fc.record({
  series: seriesArb,
  extract: fc.constantFrom('2023-01-01', '2023-02-02', '2023-03-03'),
  procedure: fc.nat(3),
  priority: fc.constantFrom<Priority>(1, 2, 3, 4, 5),
})
const mergedOf = ({ series, extract, procedure, priority }: AsRequest): MergedRequest => ({
  series: series.map((uid) => sensitive(uid)),
  requests: [{ extractGeneratedTimestamp: extract, procedureOccurrenceId: procedure, priority }],
})
type AsRequest = typeof requestArb extends fc.Arbitrary<infer A> ? A : never

const commandArb = fc.oneof(
  fc.record({ do: fc.constant('elapse' as const), ms: fc.constantFrom(1, 5000, 60_001, 200_000) }),
  fc.record({ do: fc.constant('claim' as const), worker: fc.constantFrom('worker-1', 'worker-2') }),
  fc.record({
    do: fc.constant('write' as const),
    what: fc.constantFrom(...Object.keys(writes)),
    /** Which of the tokens handed out so far: 0 = the latest. */
    token: fc.nat(3),
  }),
  fc.record({ do: fc.constant('merge' as const), request: requestArb }),
  fc.record({ do: fc.constant('operate' as const), move: fc.constantFrom('hold', 'resume', 'cancel', 'replay') }),
  fc.record({ do: fc.constant('expire' as const) }),
  fc.record({ do: fc.constant('export elsewhere' as const) }),
)

const texts = (series: ImageRecord['series']) => series.map((uid) => uid.reveal())

/** What holds of every row after every move. */
const expectSound = (before: ImageRecord, { image, transition, from }: Moved): void => {
  expect(from).to.equal(before.state)
  expect(isTransition(transition, from, image.state), `${transition} from ${from} to ${image.state}`).to.equal(true)
  expect(rowViolations(image)).to.deep.equal([])
  expect(image.imageId).to.equal(before.imageId)
  expect(image.fence).to.be.at.least(before.fence)
  expect(image.requests.slice(0, before.requests.length)).to.deep.equal(before.requests)
  expect(seriesGrew(image.series, before.series)).to.equal(false)
  const isOpen = image.state === 'requested' || image.state === 'awaiting'
  expect(isOpen).to.equal(image.nextActionAt !== null && image.state !== 'claimed')
}

type Command = typeof commandArb extends fc.Arbitrary<infer A> ? A : never

interface Play {
  image: ImageRecord
  now: Date
  readonly tokens: Array<ClaimToken>
}

/** The move a command makes, null where it makes none. */
const moveOf = (play: Play, command: Command): Moved | null => {
  const { image, now, tokens } = play
  switch (command.do) {
    case 'elapse':
      play.now = new Date(now.getTime() + command.ms)
      return null
    case 'claim': {
      const owner = known(WorkerId, command.worker)
      const claimed = claimImage(image, owner, leaseMs, now)
      if (E.isLeft(claimed)) return null
      if (claimed.right.image.state === 'claimed')
        tokens.unshift({ imageId: 1, fence: claimed.right.image.fence, owner })
      return claimed.right
    }
    case 'write': {
      const token = tokens[command.token]
      if (token === undefined) return null
      const written = writes[command.what]!(image, token, now)
      const isStale = token.fence !== image.fence || image.state !== 'claimed'
      expect(E.isLeft(written), `${command.what} under fence ${token.fence} of ${image.fence}`).to.equal(isStale)
      return E.isRight(written) ? written.right : null
    }
    case 'merge':
      return mergeRequest(image, mergedOf(command.request), now)
    case 'operate':
      return operatorMoves[command.move](image, now)
    case 'expire':
      return expireAwaiting(image, 3, now)
    case 'export elsewhere':
      play.image = { ...image, exportedAt: image.exportedAt ?? now }
      return null
  }
}

const playAll = (commands: ReadonlyArray<Command>): Play => {
  const play: Play = { image: rowOf(['1.1']), now: start, tokens: [] }
  for (const command of commands) {
    const before = play.image
    const moved = moveOf(play, command)
    if (moved === null) continue
    expectSound(before, moved)
    play.image = moved.image
  }
  return play
}

describe('transitions of a row', () => {
  it('keep every row sound, follow the table and refuse stale fences, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(fc.array(commandArb, { maxLength: 60 }), (commands) => void playAll(commands)),
      { numRuns: 1500 },
    )
  })

  it('leave every row a way to its end', () => {
    fc.assert(
      fc.property(fc.array(commandArb, { maxLength: 40 }), (commands) => {
        const play = playAll(commands)
        play.now = new Date(play.now.getTime() + 1_000_000)
        const release = operatorMoves.resume(play.image, play.now) ?? operatorMoves.replay(play.image, play.now)
        const image = release?.image ?? play.image
        const claimed = claimImage(image, known(WorkerId, 'last'), leaseMs, play.now)
        const isOver = image.state === 'exported' || image.state === 'skipped'
        expect(E.isLeft(claimed)).to.equal(isOver)
        if (E.isLeft(claimed) || claimed.right.image.state !== 'claimed') return
        const token = { imageId: 1, fence: claimed.right.image.fence, owner: known(WorkerId, 'last') }
        const ended = deliverAndExport(claimed.right.image, token, play.now)
        expect(E.isRight(ended)).to.equal(true)
      }),
    )
  })

  it('reach every state and every transition of the table', () => {
    const transitions = new Set<string>(['request'])
    const states = new Set<string>()
    fc.assert(
      fc.property(fc.array(commandArb, { minLength: 30, maxLength: 60 }), (commands) => {
        const play: Play = { image: rowOf(['1.1']), now: start, tokens: [] }
        for (const command of commands) {
          const moved = moveOf(play, command)
          if (moved === null) continue
          play.image = moved.image
          transitions.add(moved.transition)
          states.add(moved.image.state)
        }
      }),
      { numRuns: 1500, seed: 7 },
    )
    expect([...states].sort()).to.deep.equal([...imageStates].sort())
    // Ten expired claims in a row are too rare among random commands; the contract has them.
    expect(Object.keys(transitionTable).filter((name) => !transitions.has(name))).to.have.members(
      transitions.has('lose') ? [] : ['lose'],
    )
  })

  it('give up a row at the tenth claim in a row that expired, and not before', () => {
    let image = rowOf()
    let now = start
    const seen: Array<string> = []
    for (let n = 0; n < 11; n++) {
      const claimed = claimImage(image, known(WorkerId, 'worker-1'), leaseMs, now)
      if (E.isLeft(claimed)) throw new Error('expected a claim')
      expectSound(image, claimed.right)
      image = claimed.right.image
      seen.push(claimed.right.transition)
      now = new Date(now.getTime() + leaseMs + 1)
    }
    expect(seen).to.deep.equal([...Array.from({ length: 10 }, () => 'claim'), 'lose'])
    expect([image.state, image.reason]).to.deep.equal(['failed', 'WorkerLost'])
  })
})

describe('merging requests', () => {
  const inState = (state: ImageRecord['state'], series: ReadonlyArray<string>): ImageRecord => {
    const image = rowOf(series)
    if (state === 'requested') return image
    if (state === 'held') return operatorMoves.hold(image)!.image
    const claimed = claimImage(image, known(WorkerId, 'worker-1'), leaseMs, start)
    if (E.isLeft(claimed)) throw new Error('expected a claim')
    const token = { imageId: 1, fence: 1, owner: known(WorkerId, 'worker-1') }
    const { image: row } = claimed.right
    const ends: Partial<Record<ImageRecord['state'], E.Either<unknown, Moved>>> = {
      claimed: claimed,
      awaiting: acceptAndAwait(row, token, start),
      exported: deliverAndExport(row, token, start),
      skipped: skipImage('SeriesFiltered', {}, start)(row, token),
      absent: absentImage(row, token),
      failed: failImage('UnreadableFile', 'cause')(row, token),
    }
    const ended = ends[state]!
    if (E.isLeft(ended)) throw new Error('expected an end')
    return ended.right.image
  }
  const imageArb = fc.record({ state: fc.constantFrom(...imageStates), series: seriesArb })
  const summary = ({ state, priority, series, requests, exportedAt, deliveries }: ImageRecord) => ({
    state,
    priority,
    series: texts(series),
    requests: requests.map((each: ImageRequest) => JSON.stringify(each)).sort(),
    exportedAt,
    deliveries,
  })

  it('twice is once', () => {
    fc.assert(
      fc.property(imageArb, requestArb, ({ state, series }, request) => {
        const once = mergeRequest(inState(state, series), mergedOf(request), start).image
        const twice = mergeRequest(once, mergedOf(request), start)
        expect(twice.transition).to.equal('merge')
        expect(twice.image).to.deep.equal(once)
      }),
    )
  })

  it('gives the same series and priority in whatever order', () => {
    fc.assert(
      fc.property(imageArb, fc.array(requestArb, { maxLength: 5 }), fc.nat(), ({ state, series }, requests, turn) => {
        const all = (order: ReadonlyArray<AsRequest>) =>
          order.reduce((image, request) => mergeRequest(image, mergedOf(request), start).image, inState(state, series))
        const cut = requests.length === 0 ? 0 : turn % requests.length
        const [forwards, turned] = [all(requests), all([...requests.slice(cut), ...requests.slice(0, cut)].reverse())]
        expect(texts(turned.series)).to.deep.equal(texts(forwards.series))
        expect(turned.priority).to.equal(forwards.priority)
        expect(turned.state).to.equal(forwards.state)
      }),
    )
  })

  it('asks for the whole study as soon as one request does', () => {
    fc.assert(
      fc.property(imageArb, ({ state, series }) => {
        const whole = mergeRequest(inState(state, series), { series: [], requests: [] }, start).image
        expect(whole.series).to.deep.equal([])
      }),
    )
  })

  it('changes nothing but series, priority and requests of a row that is still to be done', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<ImageRecord['state']>('requested', 'claimed', 'awaiting', 'held'),
        seriesArb,
        requestArb,
        (state, series, request) => {
          const before = inState(state, series)
          const { image, transition } = mergeRequest(before, mergedOf(request), start)
          expect(transition).to.equal('merge')
          const { series: _s, priority: _p, requests: _r, ...rest } = image
          const { series: _s2, priority: _p2, requests: _r2, ...same } = before
          expect(rest).to.deep.equal(same)
        },
      ),
    )
  })

  it('reopens an exported or skipped row exactly when its series grow', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<ImageRecord['state']>('exported', 'skipped'),
        seriesArb,
        requestArb,
        (state, series, request) => {
          const before = inState(state, series)
          const { image, transition } = mergeRequest(before, mergedOf(request), start)
          const grew = seriesGrew(before.series, uniteSeries(before.series, mergedOf(request).series))
          expect(transition).to.equal(grew ? 'reopen' : 'merge')
          if (grew) {
            expect(summary(image)).to.deep.include({ state: 'requested', exportedAt: null })
            expect(image.deliveries.every(({ state: at }) => at === 'pending')).to.equal(true)
          }
        },
      ),
    )
  })

  it('requests nothing anew that failed here and was exported by another system', () => {
    const failed = { ...inState('failed', []), exportedAt: start }
    const another = mergedOf({ series: [], extract: '2023-03-03', procedure: 1, priority: 1 })
    expect(mergeRequest(failed, another, start).image).to.include({ state: 'failed', exportedAt: start })
  })

  it('counts what was delivered before the series grew as delivered no more, from the next claim on', () => {
    fc.assert(
      fc.property(seriesArb, requestArb, fc.constantFrom('release', 'retry', 'lease'), (series, request, how) => {
        const owner = known(WorkerId, 'worker-1')
        const token = { imageId: 1, fence: 1, owner }
        const row = withDelivery(inState('claimed', series), delivery(start, destinations[0]!, 'delivered'))
        const merged = mergeRequest(row, mergedOf(request), start).image
        const given = how === 'lease' ? null : writes[how]!(merged, token, start)
        const later = new Date(start.getTime() + 3600_000)
        const next = claimImage(given === null || E.isLeft(given) ? merged : given.right.image, owner, leaseMs, later)
        if (E.isLeft(next)) throw new Error('expected a claim')
        const grew = seriesGrew(row.series, merged.series)
        expect(next.right.image.deliveries.map(({ state }) => state)).to.deep.equal([grew ? 'pending' : 'delivered'])
      }),
    )
  })
})
