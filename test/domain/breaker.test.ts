import { expect } from 'chai'
import fc from 'fast-check'
import type { Breaker, BreakerCause } from '../../domain/breaker.js'
import {
  afterFailure,
  afterSuccess,
  beginProbe,
  closedBreaker,
  letsWorkThrough,
  nextProbeAtMs,
} from '../../domain/breaker.js'

const failing = (times: number, cause: BreakerCause = 'outage'): Breaker =>
  Array.from({ length: times }).reduce<Breaker>((breaker) => afterFailure(breaker, cause, 1000), closedBreaker)

describe('circuit breaker', () => {
  it('opens after five outages in a row, not after four', () => {
    expect(letsWorkThrough(failing(4))).to.equal(true)
    expect(letsWorkThrough(failing(5))).to.equal(false)
    expect(nextProbeAtMs(failing(5))).to.equal(6000)
  })

  it('forgets failures at a success', () => {
    expect(failing(4)).to.deep.equal({ _tag: 'Closed', failures: 4 })
    expect(letsWorkThrough(afterFailure(afterSuccess(), 'outage', 0))).to.equal(true)
  })

  for (const cause of ['credentials', 'quota'] as const) {
    it(`opens at once on ${cause}`, () => {
      const breaker = failing(1, cause)
      expect(letsWorkThrough(breaker)).to.equal(false)
      expect(breaker).to.include({ _tag: 'Open', cause })
    })
  }

  it('lets one probe through at a time, and not before it is due', () => {
    const breaker = failing(5)
    expect(beginProbe(breaker, 5999)).to.equal(null)
    const probing = beginProbe(breaker, 6000)!
    expect(letsWorkThrough(probing)).to.equal(false)
    expect(beginProbe(probing, 6001)).to.equal(null)
    expect(beginProbe(probing, 6000 + 60_000)).to.not.equal(null)
    expect(beginProbe(closedBreaker, 1e9)).to.equal(null)
  })

  it('doubles the wait for a probe from 5 s up to 5 min', () => {
    let breaker = failing(5)
    const delays: Array<number> = []
    for (let probe = 0; probe < 8; probe++) {
      const atMs = nextProbeAtMs(breaker)!
      breaker = afterFailure(beginProbe(breaker, atMs)!, 'outage', atMs)
      delays.push((nextProbeAtMs(breaker)! - atMs) / 1000)
    }
    expect(delays).to.deep.equal([10, 20, 40, 80, 160, 300, 300, 300])
  })

  it('is not kept open longer by work that was under way', () => {
    const breaker = failing(5)
    expect(afterFailure(breaker, 'outage', 5999)).to.equal(breaker)
  })

  it('lets work through or has a next probe in sight, whatever happens', () => {
    const event = fc.record({
      what: fc.constantFrom('success', 'outage', 'credentials', 'quota', 'probe'),
      waitMs: fc.nat(400_000),
    })
    fc.assert(
      fc.property(fc.array(event), (events) => {
        let breaker = closedBreaker
        let nowMs = 0
        for (const { what, waitMs } of events) {
          nowMs += waitMs
          if (what === 'success') breaker = afterSuccess()
          else if (what === 'probe') breaker = beginProbe(breaker, nowMs) ?? breaker
          else breaker = afterFailure(breaker, what as BreakerCause, nowMs)
          const probeAtMs = nextProbeAtMs(breaker)
          expect(letsWorkThrough(breaker)).to.equal(probeAtMs === null)
          expect(probeAtMs ?? 0).to.be.at.most(nowMs + 300_000)
        }
      }),
    )
  })
})
