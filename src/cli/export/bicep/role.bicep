
// @ROLE@: lets a group @DOES@.
var role@SUFFIX@ = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '@ROLE_ID@')
