#!/bin/sh
# Made by `pimento export --az` from the configuration of tenant @TENANT@.
#
#   sh FILE [STEP ...]     the steps app, groups, pim, vaults; if none is named: @STEPS@
#
# Each step can be repeated; what PIM refuses (RoleAssignmentExists: eligible already) is told, and the
# rest goes on. Not tried on a live tenant (docs/azure-setup.md). Sign in before:
#   app, groups, vaults    az login --tenant @TENANT_ID@, as somebody who may register applications and
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
: "${CLIENT_ID:=@CLIENT_ID@}"
# Resource id of the Log Analytics workspace that takes the vaults' log; none: it is left as it is.
: "${LOG_WORKSPACE:=}"
@VARIABLES@
GRAPH=@GRAPH@/v1.0
ARM=@ARM@
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
    permissions 00000003-0000-0000-c000-000000000000 @SCOPES@
    printf ', '
    permissions cfa8b339-82a2-471a-a3c9-0fc0be7a4093 user_impersonation
@AZURE@    printf ']\n'
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
        --is-fallback-public-client @DEVICE_CODE@ --required-resource-accesses @- \
        --query appId --output tsv)
    az ad sp create --id "$CLIENT_ID" </dev/null
    az ad app permission admin-consent --id "$CLIENT_ID" </dev/null
    say "write into [tenant.@TENANT@]: client_id = \"$CLIENT_ID\""
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
@GROUPS@
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
@PIM@
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
@VAULTS@
}

[ $# -gt 0 ] || set -- @STEPS@
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
