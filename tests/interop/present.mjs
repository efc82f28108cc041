// A wallet of @openid4vc/openid4vp: answers a request with direct_post.jwt.
// Reads {request, ca_file, credential: {compact, key}} as JSON on stdin; prints {status, body, client_id} as JSON.
import { readFileSync } from 'node:fs'
import { Openid4vpClient } from '@openid4vc/openid4vp'
import { callbacks } from './callbacks.mjs'
import { claimsOf, presentCredential } from './credential.mjs'

const { request, ca_file: caFile, credential, method } = JSON.parse(readFileSync(0, 'utf8'))
const client = new Openid4vpClient({ callbacks: callbacks({ keys: [credential.key], caFile }) })

const parameters = Object.fromEntries(new URL(request).searchParams)
if (method === 'get') delete parameters.request_uri_method
const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: parameters })
const payload = resolved.authorizationRequestPayload
const [query] = resolved.dcql.query.credentials

/** The disclosure frame of @sd-jwt for a claim with everything in it: {a: {b: true}}. */
const frameOf = (claim) =>
  claim !== null && typeof claim === 'object' && Object.keys(claim).length
    ? Object.fromEntries(Object.entries(claim).map(([name, inner]) => [name, frameOf(inner)]))
    : true

/** `frame` with what a claims path pointer selects; null selects every element. What is not there is left out. */
function select(frame, claim, [name, ...rest]) {
  const selected = typeof frame === 'object' ? frame : {}
  for (const at of name === null ? Object.keys(claim) : [name])
    if (claim?.[at] !== undefined) selected[at] = rest.length ? select(selected[at], claim[at], rest) : frameOf(claim[at])
  return selected
}

const claims = await claimsOf(credential.compact)
const frame = query.claims.reduce((frame, { path }) => select(frame, claims, path), {})

const presentation = await presentCredential({ ...credential, frame, audience: payload.client_id, nonce: payload.nonce })
const response = await client.createOpenid4vpAuthorizationResponse({
  authorizationRequestPayload: payload,
  authorizationResponsePayload: { vp_token: { [query.id]: [presentation] } },
  jarm: {
    encryption: { nonce: 'wallet-nonce' },
    serverMetadata: {
      authorization_signing_alg_values_supported: [],
      authorization_encryption_alg_values_supported: ['ECDH-ES'],
      authorization_encryption_enc_values_supported: ['A256GCM', 'A128GCM'],
    },
  },
})
const sent = await client.submitOpenid4vpAuthorizationResponse({ authorizationRequestPayload: payload, ...response })
process.stdout.write(`${JSON.stringify({ status: sent.response.status, body: await sent.response.text(), client_id: payload.client_id })}\n`)
