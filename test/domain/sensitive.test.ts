import { inspect } from 'node:util'
import { expect } from 'chai'
import { redaction, sensitive, sensitiveOrNull } from '../../domain/sensitive.js'

describe('sensitive value', () => {
  const value = sensitive<'Mrn'>('ZZLEAK-1')

  it('reveals what it was made of', () => {
    expect(value.reveal()).to.equal('ZZLEAK-1')
  })

  it('shows a redaction in every printed form', () => {
    const printed = [
      String(value),
      JSON.stringify({ value }),
      inspect(value),
      inspect({ a: [value] }, { depth: 9, showHidden: true }),
    ]
    for (const text of [...printed, `${value as unknown as string}`]) {
      expect(text).to.contain(redaction)
      expect(text).not.to.contain('ZZLEAK')
    }
  })

  it('cannot be changed, and has nothing to enumerate', () => {
    expect(Object.isFrozen(value)).to.equal(true)
    expect(Object.keys(value)).to.deep.equal([])
  })

  it('is null for a text with nothing but white space', () => {
    expect(sensitiveOrNull(' \t')).to.equal(null)
    expect(sensitiveOrNull(null)).to.equal(null)
    expect(sensitiveOrNull(' a ')?.reveal()).to.equal('a')
  })
})
