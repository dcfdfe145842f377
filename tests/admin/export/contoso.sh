#!/bin/sh
# Made by `pimento export --az` from the configuration of tenant contoso.
#
#   sh FILE [STEP ...]     the steps app, groups, pim, vaults; if none is named: app groups pim vaults
#
# Each step can be repeated; what PIM refuses (RoleAssignmentExists: eligible already) is told, and the
# rest goes on. Not tried on a live tenant (docs/azure-setup.md). Sign in before:
#   app, groups, vaults    az login --tenant contoso.onmicrosoft.com, as somebody who may register applications and
#                          grant consent, make groups, and assign roles on the vaults
#   pim                    az login --service-principal, as an application with the permissions
#                          PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup and
#                          RoleManagementPolicy.ReadWrite.AzureADGroup: Microsoft lets no person have
#                          them through the Azure CLI's own application (AADSTS65002). For windows
#                          of Azure roles, a person who may assign roles on their scope will do
#
# What the configuration cannot know is taken from variables of the environment:
set -eu

# The application's client id, as the configuration has it; new: it is registered.
: "${CLIENT_ID:=7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22}"
# Resource id of the Log Analytics workspace that takes the vaults' log; none: it is left as it is.
: "${LOG_WORKSPACE:=}"

# The group's object id, as the configuration has it; new: it is made, as one that Entra roles can
# be assigned to, with the name below.
: "${GROUP_LINUX_ROOT:=8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b}"
: "${NAME_LINUX_ROOT:=pim-linux-root}"
# To join it as member (window linux-root, linux-night): who may; who approves (none: no approval); the
# authentication context an activation needs, such as c1 (none: a second factor); which mail
# addresses hear of it. Object ids and addresses stand with blanks between them.
: "${ELIGIBLE_LINUX_ROOT:=}"
: "${APPROVERS_LINUX_ROOT:=}"
: "${CONTEXT_LINUX_ROOT:=}"
: "${NOTIFY_LINUX_ROOT:=}"
# To join it as owner (window linux-owner): who may; who approves (none: no approval); the
# authentication context an activation needs, such as c1 (none: a second factor); which mail
# addresses hear of it. Object ids and addresses stand with blanks between them.
: "${ELIGIBLE_LINUX_OWNER:=}"
: "${APPROVERS_LINUX_OWNER:=}"
: "${CONTEXT_LINUX_OWNER:=}"
: "${NOTIFY_LINUX_OWNER:=}"

# The group's object id, as the configuration has it; new: it is made, as one that Entra roles can
# be assigned to, with the name below.
: "${GROUP_TIER_0:=8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6c}"
: "${NAME_TIER_0:=pim-tier-0}"
# To join it as member (window tier.0): who may; who approves (none: no approval); the
# authentication context an activation needs, such as c1 (none: a second factor); which mail
# addresses hear of it. Object ids and addresses stand with blanks between them.
: "${ELIGIBLE_TIER_0:=}"
: "${APPROVERS_TIER_0:=}"
: "${CONTEXT_TIER_0:=}"
: "${NOTIFY_TIER_0:=}"

# To activate Key Vault Secrets User (window branch): who may; who approves (none: no approval); the
# authentication context an activation needs, such as c1 (none: a second factor); which mail
# addresses hear of it. Object ids and addresses stand with blanks between them.
: "${ELIGIBLE_BRANCH:=}"
: "${APPROVERS_BRANCH:=}"
: "${CONTEXT_BRANCH:=}"
: "${NOTIFY_BRANCH:=}"

GRAPH=https://graph.microsoft.com/v1.0
ARM=https://management.azure.com
not_made=0

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# An object id, and nothing else, gets into a request.
guid() {
    case $1 in
        *[!0-9A-Fa-f-]*) fail "'$1' is not an object id" ;;
        ????????-????-????-????-????????????) ;;
        *) fail "'$1' is not an object id" ;;
    esac
}

# Sends the JSON of standard input.
graph() { # method, path, options of az
    method=$1 path=$2
    shift 2
    az rest --method "$method" --uri "$GRAPH/$path" --headers Content-Type=application/json --body @- "$@"
}

# --- The application registration: a public client, with delegated permissions only

permission() { # service, name
    id=$(az ad sp show --id "$1" --query "oauth2PermissionScopes[?value=='$2'].id" --output tsv </dev/null)
    guid "$id"
    printf '{"id": "%s", "type": "Scope"}' "$id"
}

permissions() { # service, names
    service=$1 separator=
    shift
    printf '{"resourceAppId": "%s", "resourceAccess": [' "$service"
    for name; do
        printf '%s' "$separator"
        permission "$service" "$name"
        separator=', '
    done
    printf ']}'
}

manifest() {
    printf '['
    permissions 00000003-0000-0000-c000-000000000000 User.Read PrivilegedEligibilitySchedule.Read.AzureADGroup PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup RoleManagementPolicy.Read.AzureADGroup
    printf ', '
    permissions cfa8b339-82a2-471a-a3c9-0fc0be7a4093 user_impersonation
    printf ', '
    permissions 797f4846-ba00-4fd7-ba43-dac1f8f63013 user_impersonation
    printf ']\n'
}

app() {
    if [ "$CLIENT_ID" != new ]; then
        guid "$CLIENT_ID"
        az ad app show --id "$CLIENT_ID" --query displayName --output tsv </dev/null
        return
    fi
    wanted=$(manifest)
    CLIENT_ID=$(printf '%s\n' "$wanted" | az ad app create --display-name pimento \
        --sign-in-audience AzureADMyOrg --public-client-redirect-uris http://localhost \
        --is-fallback-public-client true --required-resource-accesses @- \
        --query appId --output tsv)
    az ad sp create --id "$CLIENT_ID" </dev/null
    az ad app permission admin-consent --id "$CLIENT_ID" </dev/null
    say "write into [tenant.contoso]: client_id = \"$CLIENT_ID\""
}

# --- The groups: nobody is a plain member, or there would be nothing to activate

group() { # id or new, name
    GROUP=$1
    if [ "$GROUP" = new ]; then
        case $2 in *[!0-9A-Za-z-]*) fail "'$2' is not a name of letters, digits and -" ;; esac
        GROUP=$(graph POST groups --query id --output tsv <<JSON
{"displayName": "$2", "mailNickname": "$2", "mailEnabled": false, "securityEnabled": true,
 "isAssignableToRole": true}
JSON
        )
        say "write into the window: group = \"$GROUP\" ($2)"
    fi
    guid "$GROUP"
}

groups() {
    group "$GROUP_LINUX_ROOT" "$NAME_LINUX_ROOT"
    GROUP_LINUX_ROOT=$GROUP
    group "$GROUP_TIER_0" "$NAME_TIER_0"
    GROUP_TIER_0=$GROUP
}

# --- PIM: the policy first, then who is eligible under it

# The rest of a rule, for whoever activates.
readonly TARGET='"target": {"caller": "EndUser", "operations": ["All"], "level": "Assignment",
 "inheritableSettings": [], "enforcedSettings": []}'
readonly AUTHORIZATION=providers/Microsoft.Authorization API=api-version=2020-10-01
readonly TYPE=#microsoft.graph.unifiedRoleManagementPolicy

rule() { # group, access, id of the rule
    # The policy of a group gets another id when PIM takes the group on, so it is never kept.
    filter="scopeId%20eq%20'$1'%20and%20scopeType%20eq%20'Group'%20and%20roleDefinitionId%20eq%20'$2'"
    policy=$(az rest --method GET --uri "$GRAPH/policies/roleManagementPolicyAssignments?\$filter=$filter" \
        --query 'value[0].policyId' --output tsv </dev/null)
    [ -n "$policy" ] || fail "PIM has no policy for group $1"
    graph PATCH "policies/roleManagementPolicies/$policy/rules/$3"
}

approvers() { # what stands before an id, object ids
    before=$1 separator=
    shift
    for id; do
        guid "$id"
        printf '%s{%s: "%s"}' "$separator" "$before" "$id"
        separator=', '
    done
}

recipients() { # mail addresses
    separator=
    for address; do
        case $address in *[!0-9A-Za-z.@_+-]*) fail "'$address' is not a mail address" ;; esac
        printf '%s"%s"' "$separator" "$address"
        separator=', '
    done
}

# What the rules say, for both kinds of policy.
settings() { # ticket, context, approvers, mail addresses
    case $2 in *[!c0-9]*) fail "'$2' is not an authentication context, such as c1" ;; esac
    enabled='"Justification"'
    [ "$1" = false ] || enabled="$enabled, \"Ticketing\""
    context=true approval=true
    # Either of the two: a context says itself what a sign-in has to show.
    [ -n "$2" ] || { context=false enabled="$enabled, \"MultiFactorAuthentication\""; }
    [ -n "$3" ] || approval=false
    # shellcheck disable=SC2086 # a list
    approvers=$(approvers "$approver" $3)
    # shellcheck disable=SC2086 # a list
    recipients=$(recipients $4)
    setting="{\"isApprovalRequired\": $approval, \"isApprovalRequiredForExtension\": false,
  \"isRequestorJustificationRequired\": true, \"approvalMode\": \"SingleStage\",
  \"approvalStages\": [{\"approvalStageTimeOutInDays\": 1, \"isApproverJustificationRequired\": true,
   \"escalationTimeInMinutes\": 0, \"isEscalationEnabled\": false,
   \"primaryApprovers\": [$approvers], \"escalationApprovers\": []}]}"
}

policy() { # group, access, longest, ticket, context, approvers, mail addresses
    guid "$1"
    approver='"@odata.type": "#microsoft.graph.singleUser", "userId"'
    settings "$4" "$5" "$6" "$7"
    rule "$1" "$2" Expiration_EndUser_Assignment <<JSON
{"@odata.type": "${TYPE}ExpirationRule", "id": "Expiration_EndUser_Assignment", $TARGET,
 "isExpirationRequired": true, "maximumDuration": "$3"}
JSON
    rule "$1" "$2" Enablement_EndUser_Assignment <<JSON
{"@odata.type": "${TYPE}EnablementRule", "id": "Enablement_EndUser_Assignment", $TARGET,
 "enabledRules": [$enabled]}
JSON
    rule "$1" "$2" AuthenticationContext_EndUser_Assignment <<JSON
{"@odata.type": "${TYPE}AuthenticationContextRule", "id": "AuthenticationContext_EndUser_Assignment", $TARGET,
 "isEnabled": $context, "claimValue": "$5"}
JSON
    rule "$1" "$2" Approval_EndUser_Assignment <<JSON
{"@odata.type": "${TYPE}ApprovalRule", "id": "Approval_EndUser_Assignment", $TARGET,
 "setting": $setting}
JSON
    rule "$1" "$2" Notification_Admin_EndUser_Assignment <<JSON
{"@odata.type": "${TYPE}NotificationRule", "id": "Notification_Admin_EndUser_Assignment", $TARGET,
 "notificationType": "Email", "recipientType": "Admin", "notificationLevel": "All",
 "isDefaultRecipientsEnabled": true, "notificationRecipients": [$recipients]}
JSON
}

eligible() { # group, access, object ids
    guid "$1"
    [ -n "$3" ] || say "nobody is made eligible for group $1 as $2: its variable ELIGIBLE_... is empty"
    for id in $3; do
        guid "$id"
        graph POST identityGovernance/privilegedAccess/group/eligibilityScheduleRequests <<JSON || not_made=1
{"accessId": "$2", "principalId": "$id", "groupId": "$1", "action": "adminAssign",
 "justification": "eligible for pimento",
 "scheduleInfo": {"startDateTime": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "expiration": {"type": "afterDuration", "duration": "P365D"}}}
JSON
    done
}

# The same for an Azure role, whose policy takes all rules at once.
role_policy() { # scope, definition, longest, ticket, context, approvers, mail addresses
    approver='"userType": "User", "id"'
    settings "$4" "$5" "$6" "$7"
    policy=$(az rest --method GET --uri "$ARM$1/$AUTHORIZATION/roleManagementPolicyAssignments?$API" \
        --query "value[?properties.roleDefinitionId=='$2'].properties.policyId | [0]" --output tsv </dev/null)
    [ -n "$policy" ] || fail "PIM has no policy for $2 on $1"
    az rest --method PATCH --uri "$ARM$policy?$API" --headers Content-Type=application/json --body @- <<JSON
{"properties": {"rules": [
 {"ruleType": "RoleManagementPolicyExpirationRule", "id": "Expiration_EndUser_Assignment", $TARGET,
  "isExpirationRequired": true, "maximumDuration": "$3"},
 {"ruleType": "RoleManagementPolicyEnablementRule", "id": "Enablement_EndUser_Assignment", $TARGET,
  "enabledRules": [$enabled]},
 {"ruleType": "RoleManagementPolicyAuthenticationContextRule",
  "id": "AuthenticationContext_EndUser_Assignment", $TARGET, "isEnabled": $context, "claimValue": "$5"},
 {"ruleType": "RoleManagementPolicyApprovalRule", "id": "Approval_EndUser_Assignment", $TARGET,
  "setting": $setting},
 {"ruleType": "RoleManagementPolicyNotificationRule", "id": "Notification_Admin_EndUser_Assignment",
  $TARGET, "notificationType": "Email", "recipientType": "Admin", "notificationLevel": "All",
  "isDefaultRecipientsEnabled": true, "notificationRecipients": [$recipients]}]}}
JSON
}

role_eligible() { # scope, definition, object ids
    [ -n "$3" ] || say "nobody is made eligible for $2 on $1: its variable ELIGIBLE_... is empty"
    for id in $3; do
        guid "$id"
        az rest --method PUT --headers Content-Type=application/json --body @- \
            --uri "$ARM$1/$AUTHORIZATION/roleEligibilityScheduleRequests/$(uuidgen)?$API" <<JSON || not_made=1
{"properties": {"principalId": "$id", "roleDefinitionId": "$2", "requestType": "AdminAssign",
 "justification": "eligible for pimento",
 "scheduleInfo": {"startDateTime": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "expiration": {"type": "AfterDuration", "duration": "P365D"}}}}
JSON
    done
}

pim() {
    policy "$GROUP_LINUX_ROOT" member PT3H30M false "$CONTEXT_LINUX_ROOT" "$APPROVERS_LINUX_ROOT" "$NOTIFY_LINUX_ROOT"
    eligible "$GROUP_LINUX_ROOT" member "$ELIGIBLE_LINUX_ROOT"
    policy "$GROUP_LINUX_ROOT" owner PT30M false "$CONTEXT_LINUX_OWNER" "$APPROVERS_LINUX_OWNER" "$NOTIFY_LINUX_OWNER"
    eligible "$GROUP_LINUX_ROOT" owner "$ELIGIBLE_LINUX_OWNER"
    policy "$GROUP_TIER_0" member PT24H true "$CONTEXT_TIER_0" "$APPROVERS_TIER_0" "$NOTIFY_TIER_0"
    eligible "$GROUP_TIER_0" member "$ELIGIBLE_TIER_0"
    role_policy "/subscriptions/129ff972-28f8-46b8-a726-e497be039368/resourceGroups/ops/providers/Microsoft.KeyVault/vaults/kv-branch" /subscriptions/129ff972-28f8-46b8-a726-e497be039368/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6 PT8H false "$CONTEXT_BRANCH" "$APPROVERS_BRANCH" "$NOTIFY_BRANCH"
    role_eligible "/subscriptions/129ff972-28f8-46b8-a726-e497be039368/resourceGroups/ops/providers/Microsoft.KeyVault/vaults/kv-branch" /subscriptions/129ff972-28f8-46b8-a726-e497be039368/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6 "$ELIGIBLE_BRANCH"
}

# --- The vaults: the group has the right, people have not; the vault's log joins pimento's record

grant() { # vault, role, group
    guid "$3"
    id=$(az keyvault show --name "$1" --query id --output tsv </dev/null)
    az role assignment create --role "$2" --assignee-object-id "$3" --assignee-principal-type Group \
        --scope "$id" </dev/null
}

log() { # vault
    [ -n "$LOG_WORKSPACE" ] || return 0
    id=$(az keyvault show --name "$1" --query id --output tsv </dev/null)
    az monitor diagnostic-settings create --name pimento --resource "$id" --workspace "$LOG_WORKSPACE" \
        --export-to-resource-specific true \
        --logs '[{"category": "AuditEvent", "enabled": true}]' </dev/null
}

vaults() {
    grant kv-linux "Key Vault Secrets User" "$GROUP_LINUX_ROOT"
    grant kv-linux "Key Vault Secrets User" "$GROUP_TIER_0"
    log kv-linux
    grant kv-tier0 "Key Vault Secrets User" "$GROUP_TIER_0"
    grant kv-tier0 "Key Vault Crypto User" "$GROUP_TIER_0"
    log kv-tier0
    log kv-branch
}

[ $# -gt 0 ] || set -- app groups pim vaults
for step; do
    case $step in
        app | groups | pim | vaults) ;;
        *) fail "no step is called $step; there are: app groups pim vaults" ;;
    esac
done
for step; do
    say "== $step"
    "$step"
done
[ "$not_made" = 0 ]
