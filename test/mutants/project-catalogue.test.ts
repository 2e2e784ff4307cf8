import { projectCatalogueContract } from '../contract/project-catalogue.js'
import { verifyMutants } from './mutants.js'
import { mutants } from './project-catalogue.js'

verifyMutants('ProjectCatalogue', projectCatalogueContract, mutants)
