// Asks @cloud-copilot/iam-simulate, an evaluation of IAM policies that has nothing in common with ours. One JSON object a line comes in,
// with an id and the simulations to run; one goes out, with the results in their order. The only argument is the folder of its node_modules.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(`${process.argv[2]}/`)
const { runUnsafeSimulation } = require('@cloud-copilot/iam-simulate')
const { createValidatedPolicy, validateIdentityPolicy, validateTrustPolicy } = require('@cloud-copilot/iam-policy')

const valid = (document, validate, name) => {
  const policy = createValidatedPolicy(document, validate, { name })
  if (policy.errors.length > 0) throw new Error(`${name} is no policy that AWS takes: ${JSON.stringify(policy.errors)}`)
  return policy
}
const own = ({ name, policy }) => ({ name, policy: valid(policy, validateIdentityPolicy, name) })

// "Unsafe" only in that it takes every context key as it is, those of a token's issuer included, which its list of keys lacks.
const run = ({ trust, policies, boundary, request }) =>
  runUnsafeSimulation(
    {
      request,
      identityPolicies: policies.map(own),
      resourcePolicy: trust && valid(trust, validateTrustPolicy, 'trust'),
      permissionBoundaryPolicies: boundary && boundary.map(own),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  )

for await (const line of createInterface({ input: process.stdin })) {
  const { id, simulations } = JSON.parse(line)
  const results = simulations.map((simulation) => {
    try {
      return run(simulation)
    } catch (error) {
      return `Error: ${error.message}`
    }
  })
  process.stdout.write(`${JSON.stringify({ id, results })}\n`)
}
