import { expect } from 'chai'
import { inTurn, measurement, median, reachesGoal } from './measurement.js'

describe('bench measurements', () => {
  it('takes the middle of an odd number of values and between the middle two of an even one', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).to.deep.equal([2, 2.5])
  })

  it('applies a goal to the ratio, or to the value where there is no reference', () => {
    expect(measurement('copy', 'MB/s', 80, '>= 0.8', 100)).to.deep.equal({
      name: 'copy',
      unit: 'MB/s',
      value: 80,
      reference: 100,
      ratio: 0.8,
      goal: '>= 0.8',
    })
    expect(reachesGoal(measurement('copy', 'MB/s', 80, '>= 0.8', 100))).to.equal(true)
    expect(reachesGoal(measurement('copy', 'MB/s', 79, '>= 0.8', 100))).to.equal(false)
    expect(reachesGoal(measurement('start', 's', 6, '<= 5'))).to.equal(false)
    expect(reachesGoal(measurement('start', 's', 4, '<= 5'))).to.equal(true)
  })

  it('measures two kinds of work in turn', async () => {
    const order: Array<string> = []
    const noting = (what: string) => (round: number) => Promise.resolve(order.push(`${what} ${round}`))
    await inTurn(2, noting('work'), noting('plain'))
    expect(order).to.deep.equal(['plain 0', 'work 0', 'plain 1', 'work 1'])
  })
})
