import { expect } from 'chai'
import { makeMemoryClock } from '../../../adapters/memory/clock.js'

describe('memory Clock', () => {
  it('stands still until told to move', async () => {
    const clock = makeMemoryClock(new Date('2024-02-29T12:00:00Z'))
    let woken = false
    void clock
      .sleepMs(1)()
      .then(() => (woken = true))
    await clock.sleepMs(0)()
    expect(woken).to.equal(false)
    expect(clock.now()).to.deep.equal(new Date('2024-02-29T12:00:00Z'))
    await clock.advance(1)
    expect(woken).to.equal(true)
    expect(clock.now()).to.deep.equal(new Date('2024-02-29T12:00:00.001Z'))
  })

  it('wakes sleepers in order, each at its own instant', async () => {
    const clock = makeMemoryClock(new Date(0))
    const log: Array<readonly [string, number]> = []
    const sleep = (name: string, ms: number): void =>
      void clock
        .sleepMs(ms)()
        .then(() => log.push([name, clock.now().getTime()]))
    sleep('late', 300)
    sleep('early', 100)
    sleep('early too', 100)
    await clock.advance(1000)
    expect(log).to.deep.equal([
      ['early', 100],
      ['early too', 100],
      ['late', 300],
    ])
    expect(clock.now().getTime()).to.equal(1000)
  })

  it('wakes whoever goes to sleep again within the time that passes', async () => {
    const clock = makeMemoryClock(new Date(0))
    const ticks: Array<number> = []
    const tick = async (): Promise<void> => {
      for (;;) {
        await clock.sleepMs(10)()
        ticks.push(clock.now().getTime())
      }
    }
    void tick()
    await clock.advance(35)
    expect(ticks).to.deep.equal([10, 20, 30])
  })
})
