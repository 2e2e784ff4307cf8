import { expect } from 'chai'
import type { Clause, Harness } from '../contract/contract.js'
import { brokenClauses } from '../contract/contract.js'

/** An adapter broken on purpose, and the clauses that must catch it. */
export interface Mutant<H> {
  readonly title: string
  readonly breaks: ReadonlyArray<string>
  readonly start: () => Promise<H>
}

/** Shows that a suite catches its mutants, and that every clause of it catches at least one. */
export const verifyMutants = <H extends Harness>(
  port: string,
  clauses: ReadonlyArray<Clause<H>>,
  mutants: ReadonlyArray<Mutant<H>>,
): void => {
  describe(`mutants of ${port}`, () => {
    for (const { title, breaks, start } of mutants) {
      it(`${port}: ${title}`, async () => {
        const suspects = clauses.filter((clause) => breaks.includes(clause.title))
        expect(suspects.map((clause) => clause.title)).to.have.members(
          [...breaks],
          'a clause named here does not exist',
        )
        expect(await brokenClauses(suspects, start)).to.have.members([...breaks])
      })
    }
    it(`${port}: every clause has a mutant it catches`, () => {
      const caught = new Set(mutants.flatMap(({ breaks }) => breaks))
      expect(clauses.map(({ title }) => title).filter((title) => !caught.has(title))).to.deep.equal([])
    })
  })
}
