// A wallet of @openid4vc/openid4vci: redeems an offer and verifies what it gets.
// Reads {offer, tx_code, alg, count, configuration, method, proof, ca_file} as JSON on stdin; prints {issuer, credentials} as JSON.
// `proof` is jwk or did: how the key proofs name their keys. `method` is x5c or metadata: where the issuer's key is looked up.
import { readFileSync } from 'node:fs'
import { Openid4vciClient } from '@openid4vc/openid4vci'
import { callbacks, didUrl, holderKey } from './callbacks.mjs'
import { verifyCredential } from './credential.mjs'

const input = JSON.parse(readFileSync(0, 'utf8'))
const keys = await Promise.all(Array.from({ length: input.count }, () => holderKey(input.alg)))
const client = new Openid4vciClient({ callbacks: callbacks({ keys, caFile: input.ca_file }) })

const credentialOffer = await client.resolveCredentialOffer(input.offer)
const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer)
const { accessTokenResponse } = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
  credentialOffer,
  issuerMetadata,
  txCode: input.tx_code,
})
const accessToken = accessTokenResponse.access_token
const credentialConfigurationId = input.configuration ?? credentialOffer.credential_configuration_ids[0]

const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata })
const proofs = await Promise.all(
  keys.map((key) =>
    client.createCredentialRequestJwtProof({
      issuerMetadata,
      credentialConfigurationId,
      nonce,
      issuedAt: new Date(),
      signer:
        input.proof === 'did'
          ? { method: 'did', didUrl: didUrl(key), alg: key.alg }
          : { method: 'jwk', publicJwk: key.publicJwk, alg: key.alg },
    }),
  ),
)
const { credentialResponse } = await client.retrieveCredentials({
  issuerMetadata,
  accessToken,
  credentialConfigurationId,
  proofs: { jwt: proofs.map((proof) => proof.jwt) },
})

const issuer = credentialOffer.credential_issuer
const credentials = []
for (const { credential } of credentialResponse.credentials) {
  const payload = await verifyCredential(credential, { caFile: input.ca_file, issuer, method: input.method ?? 'x5c' })
  const key = keys.find((candidate) => candidate.publicJwk.x === payload.cnf.jwk.x)
  if (!key) throw new Error('a credential is bound to a key that was not sent')
  credentials.push({ compact: credential, key, vct: payload.vct, claims: payload.verified_claims.claims })
}
if (credentials.length !== input.count) throw new Error(`asked for ${input.count} credentials, got ${credentials.length}`)
if (new Set(credentials.map(({ key }) => key.publicJwk.x)).size !== input.count) throw new Error('two credentials share a key')

if (credentialResponse.notification_id)
  await client.sendNotification({
    issuerMetadata,
    accessToken,
    notification: { notificationId: credentialResponse.notification_id, event: 'credential_accepted' },
  })
process.stdout.write(`${JSON.stringify({ issuer, credentials })}\n`)
