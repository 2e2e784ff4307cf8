import { expect } from 'chai'
import fc from 'fast-check'
import type { Rate } from '../../domain/token-bucket.js'
import {
  changeRate,
  defaultRate,
  fullBucket,
  isRate,
  rateOf,
  take,
  withRatePerSecond,
} from '../../domain/token-bucket.js'

const rate: Rate = { ratePerSecond: 2, capacity: 3, slots: 1 }

describe('token bucket', () => {
  it('gives the capacity at once, then one token per interval', () => {
    const first = take(fullBucket(rate, 0), rate, 3, 0)
    expect(first).to.deep.equal({ _tag: 'Taken', bucket: { tokens: 0, atMs: 0 } })
    expect(take({ tokens: 0, atMs: 0 }, rate, 1, 0)).to.deep.equal({ _tag: 'Short', retryAfterMs: 500 })
    expect(take({ tokens: 0, atMs: 0 }, rate, 1, 499)._tag).to.equal('Short')
    expect(take({ tokens: 0, atMs: 0 }, rate, 1, 500)._tag).to.equal('Taken')
  })

  it('saves no more than the capacity', () =>
    expect(take({ tokens: 0, atMs: 0 }, rate, 3, 3_600_000)).to.deep.equal({
      _tag: 'Taken',
      bucket: { tokens: 0, atMs: 3_600_000 },
    }))

  it('is paused at rate 0 and never short at rate Infinity', () => {
    expect(take(fullBucket(rate, 0), { ...rate, ratePerSecond: 0 }, 1, 1e9)._tag).to.equal('Paused')
    const unlimited = { ...rate, ratePerSecond: Infinity }
    expect(take({ tokens: 0, atMs: 0 }, unlimited, 1000, 0)).to.deep.equal({
      _tag: 'Taken',
      bucket: { tokens: 0, atMs: 0 },
    })
  })

  it('tells a wait a timer can hold, even when the tokens never come', () => {
    expect(take(fullBucket(rate, 0), rate, 4, 0)).to.deep.equal({ _tag: 'Short', retryAfterMs: 2 ** 31 - 1 })
    const slow = { ...rate, ratePerSecond: 1e-12 }
    expect(take({ tokens: 0, atMs: 0 }, slow, 1, 0)).to.deep.equal({ _tag: 'Short', retryAfterMs: 2 ** 31 - 1 })
  })

  it('adds nothing while the clock goes backwards and counts on from there', () => {
    const taken = take({ tokens: 1, atMs: 10_000 }, rate, 1, 0)
    expect(taken).to.deep.equal({ _tag: 'Taken', bucket: { tokens: 0, atMs: 0 } })
    expect(take({ tokens: 0, atMs: 0 }, rate, 1, 500)._tag).to.equal('Taken')
  })

  it('takes nothing and adds nothing for a negative number of tokens', () =>
    expect(take({ tokens: 1, atMs: 0 }, rate, -5, 0)).to.deep.equal({ _tag: 'Taken', bucket: { tokens: 1, atMs: 0 } }))

  it('keeps what the old rate brought when the rate changes, up to the new capacity', () => {
    expect(changeRate({ tokens: 0, atMs: 0 }, rate, { ...rate, capacity: 10 }, 1000).tokens).to.equal(2)
    expect(changeRate({ tokens: 3, atMs: 0 }, rate, { ...rate, capacity: 1 }, 0).tokens).to.equal(1)
    expect(changeRate({ tokens: 1, atMs: 0 }, { ...rate, ratePerSecond: 0 }, rate, 9000).tokens).to.equal(1)
  })

  it('has a capacity of the default or, above it, a second of the rate', () => {
    expect(rateOf(0.5)).to.deep.equal({ ratePerSecond: 0.5, capacity: 5, slots: 5 })
    expect(rateOf(7.5).capacity).to.equal(8)
    expect(rateOf(Infinity).capacity).to.equal(5)
    expect(withRatePerSecond({ ...defaultRate, slots: 9 }, 20)).to.deep.equal({
      ratePerSecond: 20,
      capacity: 20,
      slots: 9,
    })
  })

  it('tells rates that make no sense', () => {
    expect([defaultRate, rateOf(0), rateOf(Infinity)].every(isRate)).to.equal(true)
    for (const wrong of [{ ratePerSecond: -1 }, { ratePerSecond: NaN }, { capacity: 0 }, { slots: 0 }]) {
      expect(isRate({ ...defaultRate, ...wrong })).to.equal(false)
    }
  })

  const someRate = fc.record({
    ratePerSecond: fc.double({ min: 0.01, max: 1000, noNaN: true }),
    capacity: fc.integer({ min: 1, max: 50 }),
    slots: fc.constant(1),
  })

  it('grants at most capacity + rate x elapsed over any schedule', () => {
    const steps = fc.array(fc.record({ waitMs: fc.nat(5000), tokens: fc.nat(6) }), { maxLength: 60 })
    fc.assert(
      fc.property(someRate, steps, (limit, schedule) => {
        let bucket = fullBucket(limit, 0)
        let [nowMs, granted] = [0, 0]
        for (const { waitMs, tokens } of schedule) {
          nowMs += waitMs
          const taking = take(bucket, limit, tokens, nowMs)
          if (taking._tag !== 'Taken') continue
          bucket = taking.bucket
          granted += tokens
          expect(granted).to.be.at.most(limit.capacity + (limit.ratePerSecond * nowMs) / 1000 + 1e-6)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('grants after exactly the wait it told', () => {
    fc.assert(
      fc.property(someRate, fc.double({ min: 0, max: 1, noNaN: true }), (limit, saved) => {
        const bucket = { tokens: saved, atMs: 0 }
        const taking = take(bucket, limit, 1, 0)
        if (taking._tag === 'Short') {
          expect(taking.retryAfterMs).to.be.greaterThan(0)
          expect(take(bucket, limit, 1, taking.retryAfterMs)._tag).to.equal('Taken')
        }
      }),
    )
  })
})
