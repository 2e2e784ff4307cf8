import { expect } from 'chai'
import type { TagOperation, TagScheme } from '../../domain/tags.js'
import { actionsFor, matchesPattern, mergeOperations, tagOf, tagText } from '../../domain/tags.js'

const operation = (group: number, element: number, action: TagOperation['action']): TagOperation => ({
  name: null,
  tag: tagOf(group, element),
  action,
})

const scheme: TagScheme = {
  base: mergeOperations([operation(0x0008, 0x0060, 'keep'), operation(0x0019, 0x0010, 'delete')]),
  overrides: [
    { manufacturer: '^siemens', operations: [operation(0x0019, 0x0010, 'keep'), operation(0x0019, 0x100c, 'keep')] },
    { manufacturer: 'medical', operations: [operation(0x0019, 0x100c, 'replace')] },
  ],
}

describe('tag schemes', () => {
  it('let a later operation on a tag win', () => {
    const merged = mergeOperations(
      [operation(8, 0x60, 'keep'), operation(8, 0x70, 'keep')],
      [operation(8, 0x60, 'delete'), operation(8, 0x60, 'replace')],
    )
    expect([...merged]).to.deep.equal([
      [0x00080060, 'replace'],
      [0x00080070, 'keep'],
    ])
  })

  it('are the base alone for a manufacturer no override names', () =>
    expect(actionsFor(scheme, 'PHILIPS')).to.equal(scheme.base))

  it('add every override that matches, in order', () => {
    const actions = actionsFor(scheme, 'SIEMENS Medical')
    expect(actions.get(tagOf(0x0019, 0x0010))).to.equal('keep')
    expect(actions.get(tagOf(0x0019, 0x100c))).to.equal('replace')
    expect(actions.get(tagOf(0x0008, 0x0060))).to.equal('keep')
  })

  it('do not change their base when an override is added', () => {
    actionsFor(scheme, 'SIEMENS')
    expect(scheme.base.get(tagOf(0x0019, 0x0010))).to.equal('delete')
    expect(scheme.base.size).to.equal(2)
  })

  it('write a tag with the highest group as the standard does', () => {
    expect(tagText(tagOf(0xffff, 0x00ab))).to.equal('(FFFF,00AB)')
    expect(tagText(tagOf(0x0008, 0x0005))).to.equal('(0008,0005)')
  })

  it('search a pattern anywhere and without regard to case', () => {
    expect(matchesPattern('philips', 'Royal PHILIPS')).to.equal(true)
    expect(matchesPattern('^philips', 'Royal PHILIPS')).to.equal(false)
  })
})
