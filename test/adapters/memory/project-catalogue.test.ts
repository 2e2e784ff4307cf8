import { makeMemoryProjectCatalogue } from '../../../adapters/memory/project-catalogue.js'
import { invalidInput } from '../../../domain/errors.js'
import { verifyContract } from '../../contract/contract.js'
import type { ProjectCatalogueHarness } from '../../contract/project-catalogue.js'
import { projectCatalogueContract } from '../../contract/project-catalogue.js'

const startMemoryHarness = async (): Promise<ProjectCatalogueHarness> => {
  const catalogue = makeMemoryProjectCatalogue()
  return {
    catalogue,
    put: async (project) => catalogue.put(project),
    putWrong: async (slug) => catalogue.putWrong(slug, invalidInput(`${slug}:1`, 'is wrong', 'correct it')),
    stop: async () => catalogue.setAvailable(false),
    close: async () => undefined,
  }
}

verifyContract('memory ProjectCatalogue', projectCatalogueContract, startMemoryHarness)
