{# The names of models: how a log's and a price list's are brought together. refresh_prices.py has `price_key` in Python. #}

{# `\1` in a replacement, as the warehouse's text literals have it. #}
{% macro replaced(value, pattern, by='') %}
    {%- if target.type in ('bigquery', 'snowflake') -%}{%- set by = by | replace('\\', '\\\\') -%}{%- endif -%}
    regexp_replace({{ value }}, '{{ pattern }}', '{{ by }}'{{ ", 'g'" if target.type in ('postgres', 'duckdb') }})
{%- endmacro %}

{% macro matches(value, pattern) %}({{ replaced(value, pattern, '#') }} <> {{ value }}){% endmacro %}

{# `Azure/GPT-4o mini`, `gpt-4o-mini` and `GPT_4o (Mini)` are one. #}
{% macro price_key(name) %}
    {{- replaced(replaced('lower(trim(' ~ replaced(name, '[()]', ' ') ~ '))', '^.*/'), '[ ._@-]+', '-') -}}
{% endmacro %}

{# Without what says who sells the model, where it runs, and what a deployment is for: `us.anthropic.claude-x`, `GPT-4o (Azure)`
   and `gpt-4o-prod` are claude-x and gpt-4o. Of a fine-tuned model, `ft:` and its base remain: it has a price of its own. #}
{% macro plain_key(key) %}
    {%- set sellers = 'azure-openai|azure-ai|azure|openai|amazon-bedrock|aws-bedrock|bedrock|amazon|aws|google-vertex-ai'
        ~ '|vertex-ai|vertex|google|gcp|anthropic|meta|mistral-ai|mistralai|cohere|xai|x-ai|ai21|moonshotai' -%}
    {%- set uses = 'prod|production|preprod|prd|dev|development|test|testing|stage|staging|stg|uat|qa|sandbox|demo|poc'
        ~ '|deployment|deploy|eastus[0-9]?|westus[0-9]?|northcentralus|southcentralus|centralus|northeurope|westeurope'
        ~ '|swedencentral|francecentral|uksouth|canadaeast|australiaeast|japaneast|global|standard|datazone|ptu' -%}
    case when {{ key }} like 'ft:%' then {{ replaced(key, '^(ft:[^:]+):.*$', '\\1') }} else
    {%- set plain = namespace(key=key) -%}
    {%- for pattern, by in [
        ('-(' ~ sellers ~ ')$', ''),
        ('^(us-gov|us|eu|apac|ap|au|jp|ca|sa|in|global)-(amazon|anthropic|meta|mistral|cohere|deepseek|openai|xai|ai21|moonshotai|zai|writer|twelvelabs|nvidia)-', '\\2-'),
        ('^((' ~ sellers ~ ')[:-]+)+', ''),
        ('^mistral-(mi|pix|mag|dev|vox)', '\\1'),
        ('^((' ~ uses ~ ')-)+', ''),
        ('(-(' ~ uses ~ ')(-?[0-9][0-9]?)?)+$', ''),
        ('^gpt([0-9])', 'gpt-\\1'),
    ] -%}
        {%- set plain.key = replaced(plain.key, pattern, by) -%}
    {%- endfor %} {{ plain.key }} end
{%- endmacro %}

{# Without version and date, and in one order: `claude-3-7-sonnet-20250219-v1:0:200k` and `Claude Sonnet 3.7` are one. #}
{% macro short_key(plain) %}
    {%- set short = namespace(key=plain) -%}
    {%- for pattern, by in [
        (':[0-9]+k$', ''),
        ('-1:[0-9]+$', ''),
        (':[0-9]+$', ''),
        ('-20[0-9][0-9]-?[0-9][0-9]-?[0-9][0-9](-v[0-9]+)?$', ''),
        ('-(v[01]|latest|default|maas|00[0-9])$', ''),
        ('^claude-([0-9](-[0-9])?)-(opus|sonnet|haiku)', 'claude-\\3-\\1'),
        ('^llama-', 'llama'),
        ('^((llama|mistral|mixtral).*)-(instruct|chat)$', '\\1'),
    ] -%}
        {%- set short.key = replaced(short.key, pattern, by) -%}
    {%- endfor -%}
    {{ short.key }}
{%- endmacro %}

{# A name that tells no maker's model: that of a deployment. #}
{% macro is_opaque(key) %}
    {{- 'not ' ~ matches(key, 'gpt|davinci|babbage|claude|gemini|gemma|palm|bison|mistral|mixtral|codestral|pixtral|ministral'
        ~ '|magistral|devstral|command|deepseek|grok|nova|titan|llama|jamba|sonar|qwen|phi-[0-9]|kimi|embed|rerank'
        ~ '|(^|-)o[1-9](-|$)') -}}
{% endmacro %}

{# Whether a weaker name may stand for a stronger one: that is missing, tells no model, or is the same with more behind it
   that makes it no other model. Answered gpt-35-turbo-16k and named GPT-4 is no GPT-4. #}
{% macro may_stand_for(weaker, stronger) %}
    ({{ stronger }}_key is null or {{ is_opaque(stronger ~ '_key') }} or {{ stronger }}_short = {{ weaker }}_short
    or ({{ stronger }}_short like {{ dbt.concat([weaker ~ '_short', "'-%'"]) }} and not {{ matches(
        'substr(' ~ stronger ~ '_short, length(' ~ weaker ~ '_short) + 1)',
        '-(mini|nano|micro|lite|turbo|pro|premier|plus|max|ultra|flash|opus|sonnet|haiku|audio|realtime|search|transcribe|tts'
        ~ '|image|vision|instruct|preview|codex|thinking|reasoning|fast|chat|deep|research|exp|live|embed|rerank'
        ~ '|v?[0-9]+[a-z]?)(-|$)'
    ) }}))
{%- endmacro %}

{# Whose price a call pays, the first first: the provider's own, then that of one who sells the same at the same price. Where
   the provider is not known: the makers, then Amazon Bedrock and Vertex AI, where there are models without a seller of their own. #}
{% macro provider_order() %}
    {%- set makers = ['openai', 'anthropic', 'gcp.gemini', 'mistral_ai', 'cohere', 'deepseek', 'x_ai', 'perplexity', 'moonshot_ai', 'voyage', 'ai21'] -%}
    {%- set sold_too = {
        'azure.ai.openai': [['azure.ai.openai'], ['azure.ai.inference'], ['openai', 'anthropic']],
        'azure.ai.inference': [['azure.ai.inference'], ['azure.ai.openai'], ['openai', 'anthropic']],
        'aws.bedrock': [['aws.bedrock'], ['anthropic']],
        'gcp.vertex_ai': [['gcp.vertex_ai'], ['gcp.gemini', 'anthropic']],
        'gcp.gen_ai': [['gcp.gemini'], ['gcp.vertex_ai'], ['anthropic']],
        '(none)': [makers, ['aws.bedrock'], ['gcp.vertex_ai']],
    } -%}
    {%- set lines = [] -%}
    {%- for call, ranks in sold_too.items() -%}
        {%- for providers in ranks -%}
            {%- set rank = loop.index -%}
            {%- for provider in providers -%}
                {%- do lines.append("select '" ~ call ~ "' as call_provider, '" ~ provider ~ "' as provider, " ~ rank ~ ' as provider_rank') -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ lines | join('\n    union all ') }}
    union all select distinct provider as call_provider, provider, 1 as provider_rank from {{ ref('int_kore_llm_prices') }}
    where provider is not null and provider not in ('{{ sold_too.keys() | join("', '") }}')
{%- endmacro %}

{# A combination of what a call says of its provider and model, and the day whose price it has: by arrival where it has none. #}
{% macro names_key() %}
    {%- set parts = [] -%}
    {%- for name in ('provider', 'integration', 'response_model', 'request_model', 'model_name') -%}
        {%- if not loop.first -%}{%- do parts.append("'|'") -%}{%- endif -%}
        {%- do parts.append('coalesce(' ~ name ~ ", '')") -%}
    {%- endfor -%}
    {{ dbt.concat(parts) }}
{%- endmacro %}

{% macro price_day() %}
    {{- "cast(coalesce(end_date, start_date, arrived_at, cast('1970-01-01' as " ~ dbt.type_timestamp() ~ ')) as date)' -}}
{% endmacro %}

{# The provider that a call's other columns tell of, where it has none of its own: by its name, or by a spelling that only one
   has. `anthropic.claude-x` is an id of Bedrock, `claude-x@20250219` one of Vertex AI. #}
{% macro told_provider(said) %}
    case
        when {{ said }} like '%azure%' then 'azure.ai.openai'
        when {{ said }} like '%bedrock%' then 'aws.bedrock'
        when {{ said }} like '%groq%' then 'groq'
        when {{ said }} like '%watsonx%' then 'ibm.watsonx.ai'
        when {{ said }} like '%vertex%' or {{ said }} like '%publishers/%' or {{ said }} like '%@20%' then 'gcp.vertex_ai'
        when {{ matches(said, '(^|[ /.])(amazon|anthropic|meta|mistral|cohere|ai21|deepseek|openai|moonshotai|qwen|writer)[.][a-z]') }}
            then 'aws.bedrock'
    end
{%- endmacro %}

{# Two tables tell of the same model at the same provider; your own prices have no provider. #}
{% macro same_price(one, other) -%}
    {{ one }}.price_source = {{ other }}.price_source
    and coalesce({{ one }}.provider, '') = coalesce({{ other }}.provider, '')
    and {{ one }}.price_key = {{ other }}.price_key
{%- endmacro %}
